# SPDX-License-Identifier: MIT

# Net::Async::HTTP: one object per plan in one IO::Async::Loop, ->do_request and its Future.

use v5.36;
use FindBin;
use lib "$FindBin::Bin/../_perl";
use AdapterKit;
use HTTP::Request;
use IO::Async::Loop;
use Net::Async::HTTP;

sub options ($request) {
    my %options;
    $options{timeout} = $request->seconds('total_ms') if defined $request->seconds('total_ms');
    $options{stall_timeout} = $request->seconds('read_ms') if defined $request->seconds('read_ms');
    return %options;
}

AdapterKit::main(
    client => 'net-async-http',
    version => $Net::Async::HTTP::VERSION,
    stack => [{ name => 'IO::Async', version => "$IO::Async::Loop::VERSION" }, AdapterKit::runtime()],
    can => { tls => 1, timers => ['read_ms', 'total_ms'], second_request => 'pooled' },
    kinds => [
        [qr/timed out|timeout|Stalled/i => 'timeout'],
        [qr/closed|EOF/i => 'closed'],
        [qr/bad|malformed|unexpected|parse/i => 'protocol'],
    ],
    play => sub ($plan) {
        my $loop = IO::Async::Loop->new;
        my $client = Net::Async::HTTP->new($plan->ca_file ? (SSL_ca_file => $plan->ca_file) : ());
        $loop->add($client);
        $plan->each(sub ($request, $report) {
            my $message = HTTP::Request->new($request->method, $request->url, [$request->headers],
                $request->body);
            $message->protocol('HTTP/1.1');
            $message->header(Host => $message->uri->host_port);
            $message->content_length(length $request->body) if defined $request->body;
            my $response = $client->do_request(request => $message, options($request))->get;
            my @pairs;
            $response->headers->scan(sub { push @pairs, [@_] });
            $report->response($response->code, $response->message, \@pairs);
            $report->body($response->content);
        });
        $loop->remove($client);
    },
);
