# SPDX-License-Identifier: MIT

# Furl: one object per plan, ->request.

use v5.36;
use FindBin;
use lib "$FindBin::Bin/../_perl";
use AdapterKit;
use Furl;
use HTTP::Parser::XS;

sub client ($plan) {
    return Furl->new(
        $plan->ca_file ? (ssl_opts => { SSL_ca_file => $plan->ca_file }) : (),
        $plan->proxy ? (proxy => $plan->proxy) : (),
    );
}

sub pairs ($headers) {
    my @flat = $headers->flatten;
    my @pairs;
    while (my ($name, $value) = splice @flat, 0, 2) {
        push @pairs, [$name, $value];
    }
    return \@pairs;
}

AdapterKit::main(
    client => 'furl',
    version => $Furl::VERSION,
    stack => [{ name => 'HTTP::Parser::XS', version => "$HTTP::Parser::XS::VERSION" }, AdapterKit::runtime()],
    can => { tls => 1, proxy => 1, timers => ['read_ms'], second_request => 'pooled' },
    kinds => [
        [qr/timeout|timed out/i => 'timeout'],
        [qr/Connection refused/ => 'refused'],
        [qr/Cannot read|Unexpected EOF|connection closed/i => 'closed'],
        [qr/Invalid|Bad|too large/i => 'protocol'],
    ],
    play => sub ($plan) {
        my $client = client($plan);
        $plan->each(sub ($request, $report) {
            ${$client}->{timeout} = $request->seconds('read_ms') if defined $request->seconds('read_ms');
            my $response = $client->request(method => $request->method, url => $request->url,
                headers => [$request->headers], content => $request->body);
            # Documented: a failure of Furl's own is a response with this field.
            if ($response->headers->header('X-Internal-Response')) {
                AdapterKit::fail(undef, 'X-Internal-Response', $response->message);
            }
            $report->response($response->code, $response->message, pairs($response->headers));
            $report->body($response->content);
        });
    },
);
