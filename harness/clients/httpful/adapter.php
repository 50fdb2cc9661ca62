<?php

// SPDX-License-Identifier: MIT

/** Httpful: Httpful\Request::init($method)->uri($url)->send(). */

declare(strict_types=1);

require __DIR__ . '/../_php/AdapterKit.php';
require __DIR__ . '/../_php/CurlCodes.php';
require 'Httpful/autoload.php';

use Httpful\Exception\ConnectionErrorException;
use Interimspec\{AdapterKit, CurlCodes, Plan, Report, Request};

function prepare(Plan $plan, Request $request): \Httpful\Request
{
    $message = \Httpful\Request::init($request->method)->uri($request->url);
    foreach ($request->headers as [$name, $value]) {
        $message->addHeader($name, $value);
    }
    if ($request->body !== null) {
        $message->body($request->body)->serializePayload(\Httpful\Request::SERIALIZE_PAYLOAD_NEVER);
    }
    if ($plan->caFile !== null) {
        $message->withStrictSSL()->addOnCurlOption(CURLOPT_CAINFO, $plan->caFile);
    }
    if ($request->seconds('total_ms') !== null) {
        $message->timeout($request->seconds('total_ms'));
    }
    return $message;
}

AdapterKit::main(
    client: 'httpful',
    version: \Httpful\Httpful::VERSION,
    stack: CurlCodes::layers(),
    can: ['tls' => true, 'timers' => ['total_ms'], 'second_request' => 'new-connection'],
    play: fn (Plan $plan) => $plan->each(function (Request $request, Report $report) use ($plan): void {
        $response = prepare($plan, $request)->send();
        $report->response(
            $response->code,
            null,
            AdapterKit::pairsOfLines(preg_split('/\r?\n/', $response->raw_headers)),
        );
        $report->body($response->raw_body);
    }),
    kindOf: fn (\Throwable $error) => $error instanceof ConnectionErrorException
        ? CurlCodes::kind($error->getCurlErrorNumber())
        : null,
);
