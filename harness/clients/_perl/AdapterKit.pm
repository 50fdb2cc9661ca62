# SPDX-License-Identifier: MIT

# What all Perl adapters share: plans in, events out, and how a failure is told.
#
# An adapter gives a sub that plays one plan with one fresh client object:
#
#     AdapterKit::main(client => '...', version => ..., stack => [...], can => {...},
#         kinds => [[qr/timeout/i => 'timeout']],
#         play => sub {
#             my ($plan) = @_;
#             my $client = Client->new;
#             $plan->each(sub {
#                 my ($request, $report) = @_;
#                 my $answer = $client->request($request->method, $request->url);
#                 $report->response($answer->code, $answer->message, \@pairs);
#                 $report->body($answer->content);
#             });
#         });
#
# A request is told ok where the sub returns, failed where it dies. Perl's clients tell failures in
# words: `kinds` are patterns, and AdapterKit::fail says what a client tells by a value.

package AdapterKit;

use v5.36;
use Time::HiRes ();
use Cpanel::JSON::XS ();

my @PLAN_KEYS = qw(v plan http timers ca_file proxy body_limit requests);
my @REQUEST_KEYS = qw(name method url headers body_b64 body_pause_ms expect_continue start
    not_before_ms timers);
my @METHODS = qw(GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND MKCOL COPY);

# Words of the operating system, for what a client's own leave open.
my @STANDARD_KINDS = (
    [qr/Connection refused/i => 'refused'],
    [qr/Connection reset|Broken pipe/i => 'closed'],
    [qr/timed out|timeout/i => 'timeout'],
    [qr/certificate|SSL/ => 'tls'],
);

my $out;
my $mark = '';

# Says hello, then plays the plans of standard input one at a time, until its end.
sub main (%spec) {
    my $path = $ENV{INTERIMSPEC_OUT};
    if ($path) {
        open $out, '>:raw', $path or die "$path: $!";
    }
    else {
        ($out, $mark) = (\*STDOUT, '@interimspec ');
    }
    $out->autoflush(1);
    my $can = _can($spec{can});
    _put({ event => 'hello', client => $spec{client}, version => "$spec{version}",
            stack => $spec{stack}, can => $can });
    while (defined(my $line = <STDIN>)) {
        my $values = Cpanel::JSON::XS->new->utf8->decode($line);
        my ($what, $value) = _unsupported($values, $can);
        if (defined $what) {
            _put({ event => 'unsupported', plan => $values->{plan}, what => $what, value => $value });
        }
        else {
            $spec{play}->(AdapterKit::Plan->new($values, $can, $spec{kinds} // []));
        }
        _put({ event => 'done', plan => $values->{plan} });
    }
    return;
}

# The interpreter, as the lowest layer of `stack`.
sub runtime () { return { name => 'perl', version => sprintf '%vd', $^V } }

sub now_ms () { return Time::HiRes::time() * 1000 }

# What the client tells by a value and does not die of. `status` is for the kind of that name.
sub fail ($kind, $type, $message, $status = undef) {
    die AdapterKit::Failure->new($kind, $type, $message, $status);
}

sub _can ($given) {
    my %can = (
        http => ['1.1'], tls => 0, proxy => 0, timers => [], second_request => 'none',
        not_before => 1, interim => 'none', phases => 0, expect_continue => 0, body_stream => 0,
        methods => \@METHODS, %$given,
    );
    for my $flag (qw(tls proxy not_before phases expect_continue body_stream)) {
        $can{$flag} = $can{$flag} ? Cpanel::JSON::XS::true : Cpanel::JSON::XS::false;
    }
    return \%can;
}

sub _put ($event) {
    print {$out} $mark, Cpanel::JSON::XS->new->utf8->canonical->encode({ v => 1, %$event }), "\n";
    return;
}

# The first key and value of a plan that cannot be played; nothing where the whole plan can.
sub _unsupported ($plan, $can) {
    for my $key (sort keys %$plan) {
        return ($key, $plan->{$key}) unless grep { $_ eq $key } @PLAN_KEYS;
    }
    return (v => $plan->{v}) unless $plan->{v} eq '1';
    return (http => $plan->{http}) unless grep { $_ eq $plan->{http} } @{ $can->{http} };
    return (proxy => $plan->{proxy}) if defined $plan->{proxy} && !$can->{proxy};
    return (second_request => scalar @{ $plan->{requests} })
        if @{ $plan->{requests} } > 1 && $can->{second_request} eq 'none';
    for my $request (@{ $plan->{requests} }) {
        my @found = _unsupported_request($request, $plan->{timers} // {}, $can);
        return @found if @found;
    }
    return;
}

sub _unsupported_request ($request, $shared, $can) {
    for my $key (sort keys %$request) {
        return ($key, $request->{$key}) unless grep { $_ eq $key } @REQUEST_KEYS;
    }
    my %timers = (%$shared, %{ $request->{timers} // {} });
    for my $timer (sort keys %timers) {
        next unless defined $timers{$timer};
        return ($timer, $timers{$timer}) unless grep { $_ eq $timer } @{ $can->{timers} };
    }
    return (method => $request->{method})
        unless grep { $_ eq $request->{method} } @{ $can->{methods} };
    return (tls => Cpanel::JSON::XS::true) if $request->{url} =~ /^https:/ && !$can->{tls};
    return (expect_continue => Cpanel::JSON::XS::true)
        if $request->{expect_continue} && !$can->{expect_continue};
    return (body_pause_ms => $request->{body_pause_ms})
        if $request->{body_pause_ms} && !$can->{body_stream};
    return (not_before_ms => $request->{not_before_ms})
        if $request->{not_before_ms} && !$can->{not_before};
    my $start = $request->{start} // 'after-previous';
    return (start => $start) unless $start eq 'after-previous';
    return;
}

# A failure that is told by a value.
package AdapterKit::Failure {
    sub new ($class, $kind, $type, $message, $status) {
        return bless { kind => $kind, type => $type, message => $message, status => $status }, $class;
    }
}

# A plan; `each` gives each request with its report, no sooner than the plan says.
package AdapterKit::Plan {
    sub new ($class, $values, $can, $kinds) {
        my $self = bless { %$values, can => $can, kinds => $kinds }, $class;
        $self->{requests}
            = [map { AdapterKit::Request->new($_, $values->{timers} // {}) } @{ $values->{requests} }];
        return $self;
    }

    sub http ($self) { return $self->{http} }
    sub ca_file ($self) { return $self->{ca_file} }
    sub proxy ($self) { return $self->{proxy} }
    sub requests ($self) { return @{ $self->{requests} } }

    sub each ($self, $send) {
        my $first_at = AdapterKit::now_ms();
        for my $request ($self->requests) {
            my $wait_ms = $first_at + $request->{not_before_ms} - AdapterKit::now_ms();
            Time::HiRes::sleep($wait_ms / 1000) if $wait_ms > 0;
            my $report = AdapterKit::Report->new($self, $request);
            if (eval { $send->($request, $report); 1 }) {
                $report->_end('ok', undef);
            }
            else {
                $report->_end('failed', $report->_describe($@));
            }
        }
        return;
    }
}

# One request of a plan.
package AdapterKit::Request {
    use MIME::Base64 ();

    sub new ($class, $values, $shared) {
        my $self = bless { not_before_ms => 0, headers => [], %$values }, $class;
        $self->{body} = defined $values->{body_b64} ? MIME::Base64::decode($values->{body_b64}) : undef;
        $self->{timers} = { %$shared, %{ $values->{timers} // {} } };
        return $self;
    }

    sub method ($self) { return $self->{method} }
    sub url ($self) { return $self->{url} }
    sub body ($self) { return $self->{body} }

    # Names and values one after the other.
    sub headers ($self) { return map { @$_ } @{ $self->{headers} } }

    # Names with a value, or with a list of them where a name is repeated.
    sub header_hash ($self) {
        my %found;
        push @{ $found{ $_->[0] } }, $_->[1] for @{ $self->{headers} };
        return { map { $_ => @{ $found{$_} } == 1 ? $found{$_}[0] : $found{$_} } keys %found };
    }

    # A timer in seconds; undef where it is not to be set.
    sub seconds ($self, $timer) {
        my $ms = $self->{timers}{$timer};
        return defined $ms ? $ms / 1000 : undef;
    }

    # The body as a sub that gives the next octets and sleeps where the plan says so; '' at the end.
    sub body_reader ($self) {
        my $at = 0;
        my @pauses = @{ $self->{body_pause_ms} // [] };
        return sub {
            while (@pauses && $pauses[0][0] <= $at) {
                Time::HiRes::sleep(shift(@pauses)->[1] / 1000);
            }
            my $until = @pauses ? $pauses[0][0] : length $self->{body};
            my $piece = substr $self->{body}, $at, $until - $at;
            $at = $until;
            return $piece;
        };
    }

    sub has_pauses ($self) { return !!$self->{body_pause_ms} }
}

# What the user of the client is told about one request, written out as it happens.
package AdapterKit::Report {
    use Digest::SHA ();
    use Encode ();
    use MIME::Base64 ();

    sub new ($class, $plan, $request) {
        return bless {
            plan => $plan, request => $request, started => AdapterKit::now_ms(), kept => '',
            length => undef, sha => Digest::SHA->new(256),
            phase => $plan->{can}{phases} ? 'head' : undef,
        }, $class;
    }

    sub interim ($self, $status, $fields) {
        $self->_put({ event => 'interim', status => 0 + $status, fields => _told($fields) });
        return;
    }

    # The client handed over a head as the response. `fields` is a list of pairs.
    sub response ($self, $status, $reason, $fields) {
        $self->_put({ event => 'response', status => defined $status ? 0 + $status : undef,
                reason => defined $reason ? _text($reason) : undef, fields => _told($fields) });
        $self->{phase} = 'body' if defined $self->{phase};
        return;
    }

    # Content that the client handed over; may be called many times.
    sub body ($self, $octets) {
        $self->{length} = ($self->{length} // 0) + length $octets;
        $self->{sha}->add($octets);
        my $room = ($self->{plan}{body_limit} // 65_536) - length $self->{kept};
        $self->{kept} .= substr $octets, 0, $room if $room > 0;
        return;
    }

    sub _end ($self, $told, $error) {
        my $has_body = defined $self->{length};
        $self->_put({ event => 'end', started => $self->{started}, told => $told,
                body_b64 => $has_body ? MIME::Base64::encode($self->{kept}, '') : undef,
                body_len => $has_body ? 0 + $self->{length} : undef,
                body_sha256 => $has_body ? $self->{sha}->hexdigest : undef, error => $error });
        return;
    }

    sub _describe ($self, $error) {
        if (ref $error && $error->isa('AdapterKit::Failure')) {
            my %told = (kind => $error->{kind} // $self->_kind($error->{message}),
                phase => $self->{phase}, type => $error->{type},
                message => substr _text($error->{message}), 0, 2000);
            $told{status} = 0 + $error->{status} if defined $error->{status};
            return \%told;
        }
        return { kind => $self->_kind("$error"), phase => $self->{phase},
            type => ref $error || 'die', message => substr _text("$error"), 0, 2000 };
    }

    sub _kind ($self, $words) {
        for (@{ $self->{plan}{kinds} }, @STANDARD_KINDS) {
            my ($pattern, $kind) = @$_;
            return $kind if $words =~ $pattern;
        }
        return 'other';
    }

    sub _told ($fields) { return [map { [_text($_->[0]), _text($_->[1])] } @$fields] }

    # Octets that are no UTF-8 are told as Latin-1.
    sub _text ($octets) {
        return $octets if utf8::is_utf8($octets);
        my $copy = $octets;
        return eval { Encode::decode('UTF-8', $copy, Encode::FB_CROAK()) }
            // Encode::decode('ISO-8859-1', $octets);
    }

    sub _put ($self, $event) {
        AdapterKit::_put({ %$event, plan => $self->{plan}{plan}, request => $self->{request}{name},
                at => AdapterKit::now_ms() });
        return;
    }
}

1;
