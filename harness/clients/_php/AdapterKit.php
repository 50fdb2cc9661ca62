<?php

// SPDX-License-Identifier: MIT

/**
 * What all PHP adapters share: plans in, events out, and how an exception is told.
 *
 * An adapter gives a function that plays one plan with one fresh client object:
 *
 *     AdapterKit::main('name', $version, $stack, $can, function (Plan $plan) {
 *         $client = new Client();
 *         $plan->each(function (Request $request, Report $report) use ($client) {
 *             $answer = $client->request($request->method, $request->url);
 *             $report->response($answer->status, $answer->reason, $answer->headers);
 *             $report->body($answer->body);
 *         });
 *     }, kinds: [TimeoutException::class => 'timeout']);
 *
 * A request is told ok where the function returns, failed where it throws an Exception. An Error ends
 * the process, as it ends an ordinary program. Where a client tells a failure by what it returns, the
 * adapter throws a Failed.
 */

declare(strict_types=1);

namespace Interimspec;

/** A failure that the client tells by a value, with the kind that the adapter read from it. */
final class Failed extends \Exception
{
    public function __construct(
        public readonly string $kind,
        public readonly string $type,
        string $message,
        public readonly ?int $status = null,
    ) {
        parent::__construct($message);
    }
}

final class AdapterKit
{
    private const PLAN_KEYS = ['v', 'plan', 'http', 'timers', 'ca_file', 'proxy', 'body_limit', 'requests'];
    private const REQUEST_KEYS = ['name', 'method', 'url', 'headers', 'body_b64', 'body_pause_ms',
        'expect_continue', 'start', 'not_before_ms', 'timers'];
    private const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND',
        'MKCOL', 'COPY'];

    /**
     * Says hello, then plays the plans of standard input one at a time, until its end.
     *
     * @param array<class-string, string> $kinds the client's exceptions, most special first
     * @param ?callable(\Exception): ?string $kindOf where one type of exception has many kinds
     * @param ?callable(\Exception): ?int $statusOf what an exception of kind `status` carries
     * @param bool $h2c whether a client with HTTP/2 has it without TLS too, with prior knowledge
     */
    public static function main(
        string $client,
        string $version,
        array $stack,
        array $can,
        callable $play,
        array $kinds = [],
        ?callable $kindOf = null,
        ?callable $statusOf = null,
        bool $h2c = true,
    ): void {
        $can += ['http' => ['1.1'], 'tls' => false, 'proxy' => false, 'timers' => [],
            'second_request' => 'none', 'not_before' => true, 'interim' => 'none', 'phases' => false,
            'expect_continue' => false, 'body_stream' => false, 'methods' => self::METHODS];
        $channel = new Channel();
        $errors = new Errors($kinds, $kindOf, $statusOf);
        $channel->put(['event' => 'hello', 'client' => $client, 'version' => $version,
            'stack' => $stack, 'can' => $can]);
        while (($line = fgets(STDIN)) !== false) {
            $values = json_decode($line, true, flags: JSON_THROW_ON_ERROR);
            $missing = self::missing($values, $can, $h2c);
            if ($missing !== null) {
                $channel->put(['event' => 'unsupported', 'plan' => $values['plan'],
                    'what' => $missing[0], 'value' => $missing[1]]);
            } else {
                $play(new Plan($values, $channel, $errors, $can['phases']));
            }
            $channel->put(['event' => 'done', 'plan' => $values['plan']]);
        }
    }

    /** The interpreter, as the lowest layer of `stack`. */
    public static function runtime(): array
    {
        return ['name' => 'php', 'version' => PHP_VERSION];
    }

    /** For libraries that do not tell their own version: that of the package which they came in. */
    public static function debianVersion(string $package): string
    {
        $said = (string) shell_exec('dpkg-query -W -f \'${source:Upstream-Version}\' ' . escapeshellarg($package));
        return preg_replace('/[+~].*/s', '', trim($said));
    }

    public static function nowMs(): float
    {
        return microtime(true) * 1000.0;
    }

    /** Octets that are no UTF-8 are told as Latin-1. */
    public static function text(string $octets): string
    {
        return preg_match('//u', $octets) ? $octets : iconv('ISO-8859-1', 'UTF-8', $octets);
    }

    /** Lines `name: value` as pairs; what has no colon is left out, as a status line is. */
    public static function pairsOfLines(array $lines): array
    {
        $pairs = [];
        foreach ($lines as $line) {
            $colon = strpos($line, ':');
            if ($colon !== false && !preg_match('#^HTTP/\d#', $line)) {
                $pairs[] = [substr($line, 0, $colon), trim(substr($line, $colon + 1))];
            }
        }
        return $pairs;
    }

    /** An array of name => value or list of values, as pairs. */
    public static function pairs(iterable $fields): array
    {
        $pairs = [];
        foreach ($fields as $name => $values) {
            foreach ((array) $values as $value) {
                $pairs[] = [(string) $name, (string) $value];
            }
        }
        return $pairs;
    }

    /** The first key and value of a plan that cannot be played; null where the whole plan can. */
    private static function missing(array $plan, array $can, bool $h2c): ?array
    {
        foreach ($plan as $key => $value) {
            if (!in_array($key, self::PLAN_KEYS, true)) {
                return [$key, $value];
            }
        }
        if ($plan['v'] !== 1) {
            return ['v', $plan['v']];
        }
        if (!in_array($plan['http'], $can['http'], true)) {
            return ['http', $plan['http']];
        }
        if ($plan['http'] === '2' && !$h2c && str_starts_with($plan['requests'][0]['url'], 'http:')) {
            return ['http', '2 without TLS'];
        }
        if (isset($plan['proxy']) && !$can['proxy']) {
            return ['proxy', $plan['proxy']];
        }
        if (count($plan['requests']) > 1 && $can['second_request'] === 'none') {
            return ['second_request', count($plan['requests'])];
        }
        foreach ($plan['requests'] as $request) {
            $missing = self::missingOfRequest($request, $plan['timers'] ?? [], $can);
            if ($missing !== null) {
                return $missing;
            }
        }
        return null;
    }

    private static function missingOfRequest(array $request, array $timers, array $can): ?array
    {
        foreach ($request as $key => $value) {
            if (!in_array($key, self::REQUEST_KEYS, true)) {
                return [$key, $value];
            }
        }
        foreach (array_merge($timers, $request['timers'] ?? []) as $name => $value) {
            if ($value !== null && !in_array($name, $can['timers'], true)) {
                return [$name, $value];
            }
        }
        if (!in_array($request['method'], $can['methods'], true)) {
            return ['method', $request['method']];
        }
        if (str_starts_with($request['url'], 'https:') && !$can['tls']) {
            return ['tls', true];
        }
        foreach (['expect_continue' => 'expect_continue', 'body_pause_ms' => 'body_stream',
            'not_before_ms' => 'not_before'] as $key => $ability) {
            if (!empty($request[$key]) && !$can[$ability]) {
                return [$key, $request[$key]];
            }
        }
        if (($request['start'] ?? 'after-previous') !== 'after-previous') {
            return ['start', $request['start']];
        }
        return null;
    }
}

/** The events' way out: INTERIMSPEC_OUT where it is set, marked lines on standard output elsewhere. */
final class Channel
{
    private $out;
    private string $mark;

    public function __construct()
    {
        $path = getenv('INTERIMSPEC_OUT');
        // PHP resolves /dev/fd/3 to the name of the pipe, which is none; it has a wrapper of its own.
        $this->out = $path ? fopen(preg_replace('#^/dev/fd/(\d+)$#', 'php://fd/$1', $path), 'w') : STDOUT;
        $this->mark = $path ? '' : '@interimspec ';
    }

    public function put(array $event): void
    {
        $flags = JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE;
        fwrite($this->out, $this->mark . json_encode(['v' => 1] + $event, $flags) . "\n");
        fflush($this->out);
    }
}

/** A plan; `each` gives each request with its report, no sooner than the plan says. */
final class Plan
{
    public readonly string $id;
    public readonly string $http;
    public readonly ?string $caFile;
    public readonly ?string $proxy;
    public readonly int $bodyLimit;
    /** @var list<Request> */
    public readonly array $requests;

    public function __construct(
        array $values,
        private Channel $channel,
        private Errors $errors,
        private bool $phases,
    ) {
        $this->id = $values['plan'];
        $this->http = $values['http'];
        $this->caFile = $values['ca_file'] ?? null;
        $this->proxy = $values['proxy'] ?? null;
        $this->bodyLimit = $values['body_limit'] ?? 65536;
        $this->requests = array_map(
            fn (array $request) => new Request($request, $values['timers'] ?? []),
            $values['requests'],
        );
    }

    /** @param callable(Request, Report): void $send */
    public function each(callable $send): void
    {
        $firstAt = AdapterKit::nowMs();
        foreach ($this->requests as $request) {
            $waitMs = $firstAt + $request->notBeforeMs - AdapterKit::nowMs();
            if ($waitMs > 0) {
                usleep((int) ceil($waitMs * 1000));
            }
            $report = new Report($this->channel, $this, $request, $this->errors, $this->phases);
            try {
                $send($request, $report);
                $report->ok();
            } catch (\Exception $error) {
                $report->failed($error);
            }
        }
    }
}

/** One request of a plan. */
final class Request
{
    public readonly string $name;
    public readonly string $method;
    public readonly string $url;
    /** @var list<array{string, string}> */
    public readonly array $headers;
    public readonly ?string $body;
    public readonly bool $expectContinue;
    public readonly int $notBeforeMs;
    private array $timers;

    public function __construct(array $values, array $sharedTimers)
    {
        $this->name = $values['name'];
        $this->method = $values['method'];
        $this->url = $values['url'];
        $this->headers = $values['headers'] ?? [];
        $this->body = isset($values['body_b64']) ? base64_decode($values['body_b64']) : null;
        $this->expectContinue = $values['expect_continue'] ?? false;
        $this->notBeforeMs = $values['not_before_ms'] ?? 0;
        $this->timers = array_merge($sharedTimers, $values['timers'] ?? []);
    }

    /** @return list<string> lines `name: value` */
    public function headerLines(): array
    {
        return array_map(fn (array $field) => "$field[0]: $field[1]", $this->headers);
    }

    /** @return array<string, list<string>> */
    public function headerMap(): array
    {
        $map = [];
        foreach ($this->headers as [$name, $value]) {
            $map[$name][] = $value;
        }
        return $map;
    }

    public function milliseconds(string $timer): ?int
    {
        return $this->timers[$timer] ?? null;
    }

    public function seconds(string $timer): ?float
    {
        return isset($this->timers[$timer]) ? $this->timers[$timer] / 1000 : null;
    }
}

/** What the user of the client is told about one request, written out as it happens. */
final class Report
{
    private float $started;
    private ?string $phase;
    private string $kept = '';
    private ?int $length = null;
    private \HashContext $hash;

    public function __construct(
        private Channel $channel,
        private Plan $plan,
        private Request $request,
        private Errors $errors,
        bool $phases,
    ) {
        $this->phase = $phases ? 'head' : null;
        $this->hash = hash_init('sha256');
        $this->started = AdapterKit::nowMs();
    }

    /** @param list<array{string, string}> $fields */
    public function interim(int $status, array $fields): void
    {
        $this->put(['event' => 'interim', 'status' => $status, 'fields' => self::told($fields)]);
    }

    /**
     * The client handed over a head as the response.
     *
     * @param list<array{string, string}> $fields
     */
    public function response(?int $status, ?string $reason, array $fields): void
    {
        $this->put(['event' => 'response', 'status' => $status,
            'reason' => $reason === null ? null : AdapterKit::text($reason),
            'fields' => self::told($fields)]);
        $this->phase = $this->phase === null ? null : 'body';
    }

    /** Content that the client handed over; may be called many times. */
    public function body(string $octets): void
    {
        $this->length = ($this->length ?? 0) + strlen($octets);
        hash_update($this->hash, $octets);
        $this->kept .= substr($octets, 0, $this->plan->bodyLimit - strlen($this->kept));
    }

    public function ok(): void
    {
        $this->end('ok', null);
    }

    public function failed(\Exception $error): void
    {
        $this->end('failed', $this->errors->describe($error, $this->phase));
    }

    private function end(string $told, ?array $error): void
    {
        $hasBody = $this->length !== null;
        $this->put(['event' => 'end', 'started' => $this->started, 'told' => $told,
            'body_b64' => $hasBody ? base64_encode($this->kept) : null,
            'body_len' => $this->length,
            'body_sha256' => $hasBody ? hash_final($this->hash) : null,
            'error' => $error]);
    }

    private static function told(array $fields): array
    {
        return array_map(fn (array $field) => array_map(AdapterKit::text(...), $field), $fields);
    }

    private function put(array $event): void
    {
        $this->channel->put($event + ['plan' => $this->plan->id, 'request' => $this->request->name,
            'at' => AdapterKit::nowMs()]);
    }
}

/** How an exception is told: its kind by its type or that of its causes, its type, its words. */
final class Errors
{
    /** @param array<class-string, string> $kinds */
    public function __construct(private array $kinds, private $kindOf, private $statusOf)
    {
    }

    public function describe(\Exception $error, ?string $phase): array
    {
        $kind = $error instanceof Failed ? $error->kind : $this->kind($error);
        $described = ['kind' => $kind, 'phase' => $phase,
            'type' => $error instanceof Failed ? $error->type : $error::class,
            'message' => iconv_substr(AdapterKit::text($error->getMessage()), 0, 2000, 'UTF-8')];
        if ($kind === 'status') {
            $described['status'] = $error instanceof Failed ? $error->status : ($this->statusOf)($error);
        }
        return $described;
    }

    private function kind(\Exception $error): string
    {
        for ($cause = $error; $cause !== null; $cause = $cause->getPrevious()) {
            $byValue = $this->kindOf === null ? null : ($this->kindOf)($cause);
            if ($byValue !== null) {
                return $byValue;
            }
            foreach ($this->kinds as $type => $kind) {
                if ($cause instanceof $type) {
                    return $kind;
                }
            }
        }
        return 'other';
    }
}
