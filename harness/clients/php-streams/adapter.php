<?php

// SPDX-License-Identifier: MIT

/** The http:// stream wrapper: file_get_contents(), or (argument `fopen`) fopen() and reading on. */

declare(strict_types=1);

require __DIR__ . '/../_php/AdapterKit.php';

use Interimspec\{AdapterKit, Failed, Plan, Report, Request};

const PIECE = 8192;

function context(Plan $plan, Request $request)
{
    $http = array_filter([
        'method' => $request->method,
        'header' => $request->headerLines(),
        'content' => $request->body,
        'timeout' => $request->seconds('read_ms'),
        'proxy' => $plan->proxy === null ? null : 'tcp://' . substr($plan->proxy, strlen('http://')),
    ], fn ($value) => $value !== null);
    return stream_context_create(['http' => $http, 'ssl' => array_filter(['cafile' => $plan->caFile])]);
}

/** What an ordinary program has in hand where the wrapper gives false: the warning that came. */
function failure(array $headerLines): Failed
{
    $said = error_get_last()['message'] ?? 'false without a warning';
    if (preg_match('#HTTP request failed! HTTP/\S+ (\d+)#', $said, $found)) {
        return new Failed('status', 'false', $said, (int) $found[1]);
    }
    $kind = match (true) {
        str_contains($said, 'Connection refused') => 'refused',
        str_contains($said, 'timed out') => 'timeout',
        str_contains($said, 'SSL') => 'tls',
        default => 'other',
    };
    return new Failed($kind, 'false', $said);
}

/** Tells the last head in $http_response_header, in which those before it stand as well. */
function tellHead(Report $report, array $lines): void
{
    $begin = 0;
    foreach ($lines as $at => $line) {
        $begin = str_starts_with($line, 'HTTP/') ? $at : $begin;
    }
    $known = preg_match('#^HTTP/\S+ (\d+) ?(.*)#', $lines[$begin] ?? '', $found);
    $report->response(
        $known ? (int) $found[1] : null,
        $known ? $found[2] : null,
        AdapterKit::pairsOfLines(array_slice($lines, $begin)),
    );
}

function get(Plan $plan, Request $request, Report $report): void
{
    error_clear_last();
    $content = @file_get_contents($request->url, false, context($plan, $request));
    if ($content === false) {
        throw failure($http_response_header ?? []);
    }
    tellHead($report, $http_response_header);
    $report->body($content);
}

function openAndRead(Plan $plan, Request $request, Report $report): void
{
    error_clear_last();
    $stream = @fopen($request->url, 'rb', false, context($plan, $request));
    if ($stream === false) {
        throw failure($http_response_header ?? []);
    }
    tellHead($report, $http_response_header);
    $report->body('');
    while (!feof($stream)) {
        $report->body((string) fread($stream, PIECE));
        if (stream_get_meta_data($stream)['timed_out']) {
            throw new Failed('timeout', 'timed_out', 'timed_out of stream_get_meta_data() is true');
        }
    }
    fclose($stream);
}

$fopen = in_array('fopen', $argv, true);

AdapterKit::main(
    client: 'php-streams',
    version: PHP_VERSION,
    stack: [['name' => 'openssl', 'version' => explode(' ', OPENSSL_VERSION_TEXT)[1]]],
    can: ['tls' => true, 'proxy' => true, 'timers' => ['read_ms'], 'second_request' => 'new-connection',
        'phases' => $fopen],
    play: fn (Plan $plan) => $plan->each(
        fn (Request $request, Report $report) => $fopen
            ? openAndRead($plan, $request, $report)
            : get($plan, $request, $report),
    ),
);
