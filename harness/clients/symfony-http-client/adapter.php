<?php

// SPDX-License-Identifier: MIT

/** Symfony HttpClient: one HttpClient::create() per plan (on libcurl), or (argument `native`) NativeHttpClient. */

declare(strict_types=1);

require __DIR__ . '/../_php/AdapterKit.php';
require __DIR__ . '/../_php/CurlCodes.php';
require 'Symfony/Component/HttpClient/autoload.php';

use Interimspec\{AdapterKit, CurlCodes, Plan, Report, Request};
use Symfony\Component\HttpClient\{HttpClient, NativeHttpClient};
use Symfony\Contracts\HttpClient\Exception\{HttpExceptionInterface, TimeoutExceptionInterface};
use Symfony\Contracts\HttpClient\HttpClientInterface;

function options(Plan $plan, Request $request): array
{
    return array_filter([
        'headers' => $request->headerLines(),
        'body' => $request->body,
        'cafile' => $plan->caFile,
        'proxy' => $plan->proxy,
        'http_version' => $plan->http === '2' ? '2.0' : (str_starts_with($request->url, 'https:') ? '1.1' : null),
        'timeout' => $request->seconds('read_ms'),
        'max_duration' => $request->seconds('total_ms'),
    ], fn ($value) => $value !== null);
}

/** Reads as the documentation's streaming example: a chunk for each interim head, the head, the content. */
function exchange(HttpClientInterface $client, Plan $plan, Request $request, Report $report): void
{
    $response = $client->request($request->method, $request->url, options($plan, $request));
    foreach ($client->stream($response) as $chunk) {
        $interim = $chunk->getInformationalStatus();
        if ($interim !== null) {
            $report->interim($interim[0], AdapterKit::pairs($interim[1]));
        } elseif ($chunk->isFirst()) {
            $report->response($response->getStatusCode(), null, AdapterKit::pairs($response->getHeaders()));
            $report->body('');
        } else {
            $report->body($chunk->getContent());
        }
    }
}

/** Symfony has one exception for what the transport says; libcurl's words tell its kinds apart. */
function kind(\Throwable $error): ?string
{
    return match (true) {
        $error instanceof HttpExceptionInterface => 'status',
        $error instanceof TimeoutExceptionInterface => 'timeout',
        (bool) preg_match('/refused|Failed to connect/', $error->getMessage()) => 'refused',
        (bool) preg_match('/timed out|[Tt]imeout|Max duration/', $error->getMessage()) => 'timeout',
        (bool) preg_match('/SSL|certificate/', $error->getMessage()) => 'tls',
        (bool) preg_match('#HTTP/?2#', $error->getMessage()) => 'protocol',
        (bool) preg_match('/closed|reset|remaining|Empty reply/', $error->getMessage()) => 'closed',
        default => null,
    };
}

$native = in_array('native', $argv, true);

AdapterKit::main(
    client: 'symfony-http-client',
    version: AdapterKit::debianVersion('php-symfony-http-client'),
    stack: $native ? [AdapterKit::runtime()] : CurlCodes::layers(),
    can: ['http' => $native ? ['1.1'] : ['1.1', '2'], 'tls' => true, 'proxy' => true,
        'timers' => ['read_ms', 'total_ms'], 'second_request' => $native ? 'new-connection' : 'pooled',
        'interim' => $native ? 'none' : 'fields', 'phases' => true],
    play: function (Plan $plan) use ($native): void {
        $client = $native ? new NativeHttpClient() : HttpClient::create();
        $plan->each(fn (Request $request, Report $report) => exchange($client, $plan, $request, $report));
    },
    kindOf: kind(...),
    statusOf: fn (HttpExceptionInterface $error) => $error->getResponse()->getStatusCode(),
    h2c: false, // its version 2.0 is CURL_HTTP_VERSION_2_0, which on http:// asks for an upgrade
);
