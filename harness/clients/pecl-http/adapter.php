<?php

// SPDX-License-Identifier: MIT

/** pecl_http: one http\Client per plan, enqueue() and send(). */

declare(strict_types=1);

require __DIR__ . '/../_php/AdapterKit.php';
require __DIR__ . '/../_php/CurlCodes.php';

use Interimspec\{AdapterKit, CurlCodes, Plan, Report, Request};

function prepare(Request $request): http\Client\Request
{
    // It takes one value for each name.
    $headers = array_map(fn ($values) => implode(', ', (array) $values), $request->headerMap());
    $message = new http\Client\Request($request->method, $request->url, $headers);
    if ($request->body !== null) {
        $message->setBody((new http\Message\Body())->append($request->body));
    }
    $message->setOptions(array_filter([
        'connecttimeout' => $request->seconds('connect_ms'),
        'timeout' => $request->seconds('total_ms'),
    ], fn ($value) => $value !== null));
    return $message;
}

AdapterKit::main(
    client: 'pecl-http',
    version: phpversion('http'),
    stack: CurlCodes::layers(),
    can: ['timers' => ['connect_ms', 'total_ms'], 'second_request' => 'pooled'],
    play: function (Plan $plan): void {
        $client = new http\Client();
        $plan->each(function (Request $request, Report $report) use ($client): void {
            $message = prepare($request);
            try {
                $client->enqueue($message)->send();
                $response = $client->getResponse($message);
            } finally {
                $client->dequeue($message);
            }
            $report->response(
                $response->getResponseCode(),
                $response->getResponseStatus(),
                AdapterKit::pairs($response->getHeaders()),
            );
            $report->body((string) $response->getBody());
        });
    },
    kindOf: fn (\Throwable $error) => $error instanceof http\Exception
        ? CurlCodes::kindOfWords($error->getMessage())
        : null,
);
