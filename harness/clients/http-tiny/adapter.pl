# SPDX-License-Identifier: MIT

# HTTP::Tiny: one object per plan, ->request.

use v5.36;
use FindBin;
use lib "$FindBin::Bin/../_perl";
use AdapterKit;
use HTTP::Tiny;

sub client ($plan) {
    return HTTP::Tiny->new(
        $plan->ca_file ? (verify_SSL => 1, SSL_options => { SSL_ca_file => $plan->ca_file }) : (),
        $plan->proxy ? (proxy => $plan->proxy) : (),
    );
}

# The fields of its hash, in which a repeated name has a list of values.
sub pairs ($headers) {
    return [map { my $name = $_; map { [$name, $_] } ref $headers->{$name} ? @{ $headers->{$name} } : $headers->{$name} }
            sort keys %$headers];
}

AdapterKit::main(
    client => 'http-tiny',
    version => HTTP::Tiny->VERSION,
    stack => [AdapterKit::runtime()],
    can => {
        tls => 1, proxy => 1, timers => ['read_ms'], body_stream => 1, second_request => 'pooled',
    },
    kinds => [
        [qr/Timed out/ => 'timeout'],
        [qr/Unexpected end of stream|Could not read from SSL socket/ => 'closed'],
        [qr/Malformed|Unsupported HTTP protocol|Unexpected|excessive/i => 'protocol'],
        [qr/Line size exceeds|Header lines exceeds|exceeded the maximum/ => 'limit'],
    ],
    play => sub ($plan) {
        my $client = client($plan);
        $plan->each(sub ($request, $report) {
            $client->timeout($request->seconds('read_ms')) if defined $request->seconds('read_ms');
            my %options = (headers => $request->header_hash);
            $options{content} = $request->body if defined $request->body;
            if ($request->has_pauses) {
                $options{content} = $request->body_reader;
                $options{headers}{'Content-Length'} = length $request->body;
            }
            my $response = $client->request($request->method, $request->url, \%options);
            # 599 is documented as a failure of the client's own, with its words as the content.
            AdapterKit::fail(undef, 'status 599', $response->{content}) if $response->{status} eq '599';
            $report->response($response->{status}, $response->{reason}, pairs($response->{headers}));
            $report->body($response->{content});
        });
    },
);
