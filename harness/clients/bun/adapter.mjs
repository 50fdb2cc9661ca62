// SPDX-License-Identifier: MIT
// The fetch() built into Bun.

import { Readable } from 'node:stream';

import { as, main } from './_node/adapterkit.mjs';

// Bun's own codes; those that it shares with Node are known already.
const KIND_OF_CODE = {
    ConnectionRefused: 'refused',
    ConnectionClosed: 'closed',
    FailedToOpenSocket: 'refused',
    Malformed_HTTP_Response: 'protocol',
    InvalidHTTPResponse: 'protocol',
    HTTPHeadersTooBig: 'limit',
    ResponseHeadersTooLarge: 'limit',
    TooManyRedirects: 'limit',
    Timeout: 'timeout',
};

function open(plan) {
    const trust = plan.ca_file ? { tls: { ca: Bun.file(plan.ca_file) } } : {};
    return { send: (request, report) => send(request, report, trust) };
}

function body(request) {
    return request.pauses.length > 0
        ? Readable.toWeb(Readable.from(request.bodyPieces())) : request.body;
}

async function exchange(request, report, trust) {
    const response = await fetch(request.url, {
        method: request.method,
        headers: request.headers,
        body: body(request),
        ...trust,
        ...(request.timers.total_ms && { signal: AbortSignal.timeout(request.timers.total_ms) }),
    });
    report.response(response.status, response.statusText, [...response.headers]);
    report.body('');
    if (response.body) {
        for await (const chunk of response.body) {
            report.body(chunk);
        }
    }
}

async function send(request, report, trust) {
    try {
        await exchange(request, report, trust);
    } catch (error) {
        throw Object.hasOwn(KIND_OF_CODE, error.code) ? as(KIND_OF_CODE[error.code], error) : error;
    }
}

main({
    client: 'bun',
    version: Bun.version,
    stack: [{ name: 'bun', version: Bun.version }],
    can: {
        tls: true,
        timers: ['total_ms'],
        phases: true,
        body_stream: true,
    },
    open,
});
