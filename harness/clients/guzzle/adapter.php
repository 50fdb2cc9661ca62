<?php

// SPDX-License-Identifier: MIT

/** Guzzle: one GuzzleHttp\Client per plan with its default handler, or (argument `stream`) StreamHandler. */

declare(strict_types=1);

require __DIR__ . '/../_php/AdapterKit.php';
require __DIR__ . '/../_php/CurlCodes.php';
require 'GuzzleHttp/autoload.php';

use GuzzleHttp\Client;
use GuzzleHttp\Exception\{BadResponseException, ConnectException, RequestException, TooManyRedirectsException};
use GuzzleHttp\Handler\StreamHandler;
use GuzzleHttp\HandlerStack;
use Interimspec\{AdapterKit, CurlCodes, Plan, Report, Request};

function options(Plan $plan, Request $request, array $timers): array
{
    $options = [
        'headers' => $request->headerMap(),
        'body' => $request->body,
        'verify' => $plan->caFile,
        'proxy' => $plan->proxy,
        'version' => $plan->http === '2' ? '2.0' : null,
    ];
    foreach ($timers as $option => $timer) {
        $options[$option] = $request->seconds($timer);
    }
    return array_filter($options, fn ($value) => $value !== null);
}

/** libcurl's code stands in the handler context; StreamHandler says nothing that could be relied on. */
function kind(\Throwable $error): ?string
{
    if ($error instanceof BadResponseException) {
        return 'status';
    }
    if ($error instanceof RequestException || $error instanceof ConnectException) {
        $code = $error->getHandlerContext()['errno'] ?? null;
        return $code === null ? null : CurlCodes::kind($code);
    }
    return null;
}

$stream = in_array('stream', $argv, true);
$timers = $stream
    ? ['read_timeout' => 'read_ms', 'timeout' => 'read_ms']
    : ['connect_timeout' => 'connect_ms', 'timeout' => 'total_ms'];

AdapterKit::main(
    client: 'guzzle',
    version: AdapterKit::debianVersion('php-guzzlehttp-guzzle'),
    stack: $stream ? [AdapterKit::runtime()] : CurlCodes::layers(),
    can: $stream
        ? ['tls' => true, 'proxy' => true, 'timers' => ['read_ms'], 'second_request' => 'new-connection']
        : ['http' => ['1.1', '2'], 'tls' => true, 'proxy' => true, 'timers' => ['connect_ms', 'total_ms'],
            'second_request' => 'pooled'],
    play: function (Plan $plan) use ($stream, $timers): void {
        $client = new Client($stream ? ['handler' => HandlerStack::create(new StreamHandler())] : []);
        $plan->each(function (Request $request, Report $report) use ($client, $plan, $timers): void {
            $response = $client->request($request->method, $request->url, options($plan, $request, $timers));
            $report->response(
                $response->getStatusCode(),
                $response->getReasonPhrase(),
                AdapterKit::pairs($response->getHeaders()),
            );
            $report->body((string) $response->getBody());
        });
    },
    kinds: [TooManyRedirectsException::class => 'limit'],
    kindOf: kind(...),
    statusOf: fn (BadResponseException $error) => $error->getResponse()->getStatusCode(),
    h2c: false, // its version 2.0 is CURL_HTTP_VERSION_2_0, which on http:// asks for an upgrade
);
