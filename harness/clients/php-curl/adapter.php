<?php

// SPDX-License-Identifier: MIT

/** ext/curl: one handle per plan, curl_exec() with CURLOPT_RETURNTRANSFER and CURLOPT_HEADERFUNCTION. */

declare(strict_types=1);

require __DIR__ . '/../_php/AdapterKit.php';
require __DIR__ . '/../_php/CurlCodes.php';

use Interimspec\{AdapterKit, CurlCodes, Failed, Plan, Report, Request};

/** libcurl's own choice is HTTP/1.1 on http:// and ALPN on https://; a plan asks for one of the two. */
function httpVersion(Plan $plan, Request $request): int
{
    $tls = str_starts_with($request->url, 'https:');
    if ($plan->http === '2') {
        return $tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    }
    return $tls ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_NONE;
}

function options(Plan $plan, Request $request): array
{
    return array_filter([
        CURLOPT_URL => $request->url,
        CURLOPT_CUSTOMREQUEST => $request->method === 'GET' ? null : $request->method,
        CURLOPT_NOBODY => $request->method === 'HEAD' ?: null,
        CURLOPT_HTTPHEADER => $request->expectContinue
            ? [...$request->headerLines(), 'Expect: 100-continue'] : $request->headerLines(),
        CURLOPT_POSTFIELDS => $request->body,
        CURLOPT_CAINFO => $plan->caFile,
        CURLOPT_PROXY => $plan->proxy,
        CURLOPT_HTTP_VERSION => httpVersion($plan, $request),
        CURLOPT_CONNECTTIMEOUT_MS => $request->milliseconds('connect_ms'),
        CURLOPT_TIMEOUT_MS => $request->milliseconds('total_ms'),
        CURLOPT_RETURNTRANSFER => true,
    ], fn ($value) => $value !== null);
}

/** Tells each head as it is complete: the interim ones, and the last, which is returned. */
function headReader(Report $report, array &$final): callable
{
    $lines = [];
    return function ($curl, string $line) use ($report, &$lines, &$final): int {
        if (rtrim($line, "\r\n") !== '') {
            $lines[] = rtrim($line, "\r\n");
            return strlen($line);
        }
        if (preg_match('#^HTTP/\S+ (\d+) ?(.*)#', $lines[0] ?? '', $found)) {
            $status = (int) $found[1];
            $fields = AdapterKit::pairsOfLines(array_slice($lines, 1));
            if ($status >= 100 && $status < 200 && $status !== 101) {
                $report->interim($status, $fields);
            }
            $final = [$found[2], $fields];
        }
        $lines = [];
        return strlen($line);
    };
}

AdapterKit::main(
    client: 'php-curl',
    version: phpversion('curl'),
    stack: CurlCodes::layers(),
    can: ['http' => ['1.1', '2'], 'tls' => true, 'proxy' => true,
        'timers' => ['connect_ms', 'total_ms'], 'second_request' => 'pooled', 'interim' => 'fields',
        'expect_continue' => true],
    play: function (Plan $plan): void {
        $curl = curl_init();
        $plan->each(function (Request $request, Report $report) use ($curl, $plan): void {
            $head = [null, []];
            curl_reset($curl);
            curl_setopt_array($curl, options($plan, $request));
            curl_setopt($curl, CURLOPT_HEADERFUNCTION, headReader($report, $head));
            $content = curl_exec($curl);
            if ($content === false) {
                $code = curl_errno($curl);
                throw new Failed(CurlCodes::kind($code), 'CURLcode ' . $code, curl_error($curl));
            }
            $report->response(curl_getinfo($curl, CURLINFO_RESPONSE_CODE), ...$head);
            $report->body($content);
        });
        curl_close($curl);
    },
    h2c: CurlCodes::hasPriorKnowledge(),
);
