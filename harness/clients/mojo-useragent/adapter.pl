# SPDX-License-Identifier: MIT

# Mojo::UserAgent: one object per plan, ->start of a transaction, with its event `unexpected`.

use v5.36;
use FindBin;
use lib "$FindBin::Bin/../_perl";
use AdapterKit;
use Mojo::UserAgent;
use Mojolicious;

sub pairs ($headers) {
    return [map { my $name = $_; map { [$name, $_] } @{ $headers->every_header($name) } }
            @{ $headers->names }];
}

sub set_timers ($agent, $request) {
    $agent->connect_timeout($request->seconds('connect_ms')) if defined $request->seconds('connect_ms');
    $agent->inactivity_timeout($request->seconds('read_ms')) if defined $request->seconds('read_ms');
    $agent->request_timeout($request->seconds('total_ms') // 0);
    return;
}

AdapterKit::main(
    client => 'mojo-useragent',
    version => $Mojolicious::VERSION,
    stack => [AdapterKit::runtime()],
    can => {
        tls => 1, proxy => 1, timers => ['connect_ms', 'read_ms', 'total_ms'],
        second_request => 'pooled', interim => 'fields',
    },
    kinds => [
        [qr/timeout/i => 'timeout'],
        [qr/Premature connection close/ => 'closed'],
        [qr/Maximum .* exceeded/i => 'limit'],
        [qr/Bad (?:start-line|response)|Truncated|chunk/i => 'protocol'],
    ],
    play => sub ($plan) {
        my $agent = Mojo::UserAgent->new;
        $agent->ca($plan->ca_file) if $plan->ca_file;
        $agent->proxy->http($plan->proxy)->https($plan->proxy) if $plan->proxy;
        $plan->each(sub ($request, $report) {
            set_timers($agent, $request);
            my $tx = $agent->build_tx($request->method => $request->url => $request->header_hash
                    => $request->body // ());
            $tx->on(unexpected => sub ($tx, $interim) {
                $report->interim($interim->code, pairs($interim->headers));
            });
            my $response = $agent->start($tx)->result; # dies where there is no response
            $report->response($response->code, $response->message, pairs($response->headers));
            $report->body($response->body);
        });
    },
);
