# SPDX-License-Identifier: MIT

# AnyEvent::HTTP: http_request, which has one pool for the whole process.

use v5.36;
use FindBin;
use lib "$FindBin::Bin/../_perl";
use AdapterKit;
use AnyEvent;
use AnyEvent::HTTP ();

# Its pseudo statuses, which it documents, with the kind that each means.
my %KIND = (595 => 'refused', 596 => 'closed', 597 => 'closed', 598 => 'other', 599 => 'other',
    590 => 'other');

sub options ($plan, $request) {
    my %options = (headers => { %{ $request->header_hash } });
    $options{body} = $request->body if defined $request->body;
    $options{timeout} = $request->seconds('read_ms') if defined $request->seconds('read_ms');
    $options{tls_ctx} = { verify => 1, verify_peername => 'https', ca_file => $plan->ca_file } if $plan->ca_file;
    return %options;
}

AdapterKit::main(
    client => 'anyevent-http',
    version => $AnyEvent::HTTP::VERSION,
    stack => [{ name => 'AnyEvent', version => "$AnyEvent::VERSION" }, AdapterKit::runtime()],
    can => { tls => 1, timers => ['read_ms'], second_request => 'pooled' },
    play => sub ($plan) {
        $plan->each(sub ($request, $report) {
            my $done = AnyEvent->condvar;
            # Its clock stood still while the adapter waited for the plan, as no event loop was running.
            AnyEvent->now_update;
            AnyEvent::HTTP::http_request($request->method => $request->url, options($plan, $request),
                sub ($body, $headers) { $done->send($body, $headers) });
            my ($body, $headers) = $done->recv;
            my ($status, $reason) = @$headers{qw(Status Reason)};
            if (my $kind = $KIND{$status}) {
                $kind = 'timeout' if $reason =~ /timed out/i;
                $kind = 'tls' if $reason =~ /certificate verify failed/;
                AdapterKit::fail($kind, "Status $status", $reason);
            }
            # Keys in capitals are AnyEvent::HTTP's own.
            $report->response($status, $reason,
                [map { [$_, $headers->{$_}] } grep { !/^[A-Z]/ } sort keys %$headers]);
            $report->body($body // '');
        });
    },
);
