# SPDX-License-Identifier: MIT

# LWP: one LWP::UserAgent per plan, ->request. The variant `keep-alive` keeps connections.

use v5.36;
use FindBin;
use lib "$FindBin::Bin/../_perl";
use AdapterKit;
use HTTP::Request;
use LWP::UserAgent;
use Net::HTTP;

my $keep_alive = grep { $_ eq '--keep-alive' } @ARGV;

sub agent ($plan) {
    my $agent = LWP::UserAgent->new($keep_alive ? (keep_alive => 1) : ());
    $agent->ssl_opts(SSL_ca_file => $plan->ca_file) if $plan->ca_file;
    $agent->proxy(['http', 'https'], $plan->proxy) if $plan->proxy;
    return $agent;
}

# LWP tells its own failures as responses: documented are these fields of theirs.
sub hand_over ($response, $report) {
    if (($response->header('Client-Warning') // '') eq 'Internal response') {
        AdapterKit::fail(undef, 'Client-Warning: Internal response', $response->message);
    }
    my @pairs;
    $response->headers->scan(sub { push @pairs, [@_] if $_[0] !~ /^(?:Client-|X-Died)/i });
    $report->response($response->code, $response->message, \@pairs);
    $report->body($response->content);
    if (my $aborted = $response->header('Client-Aborted')) {
        AdapterKit::fail(undef, "Client-Aborted: $aborted", $response->header('X-Died') // '');
    }
    return;
}

AdapterKit::main(
    client => 'lwp',
    version => $LWP::UserAgent::VERSION,
    stack => [{ name => 'Net::HTTP', version => "$Net::HTTP::VERSION" }, AdapterKit::runtime()],
    can => {
        tls => 1, proxy => 1, timers => ['read_ms'], body_stream => 1,
        second_request => $keep_alive ? 'pooled' : 'new-connection',
    },
    kinds => [
        [qr/read timeout/ => 'timeout'],
        [qr/EOF when chunk header expected|closed/ => 'closed'],
        [qr/Server closed connection without sending any data back/ => 'closed'],
        [qr/Bad header|Illegal|Line too long|chunk/i => 'protocol'],
    ],
    play => sub ($plan) {
        my $agent = agent($plan);
        $plan->each(sub ($request, $report) {
            $agent->timeout($request->seconds('read_ms')) if defined $request->seconds('read_ms');
            my $message = HTTP::Request->new($request->method, $request->url, [$request->headers],
                $request->body);
            if ($request->has_pauses) {
                $message->content($request->body_reader);
                $message->content_length(length $request->body);
            }
            hand_over($agent->request($message), $report);
        });
    },
);
