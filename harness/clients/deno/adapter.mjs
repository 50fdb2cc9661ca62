// SPDX-License-Identifier: MIT
// The fetch() built into Deno, with a Deno.HttpClient of its own for each plan.

import fs from 'node:fs';
import { Readable } from 'node:stream';

import { as, main } from './_node/adapterkit.mjs';

// Deno tells the failures of fetch() by one type, TypeError, and kinds by its words.
const KIND_OF_WORDS = [
    [/Connection refused/, 'refused'],
    [/invalid peer certificate|UnknownIssuer/, 'tls'],
    [/too many redirects|Maximum number of redirects/i, 'limit'],
    [/message head is too large/, 'limit'],
    [/connection closed|reset by peer|end of file before message length|broken pipe/i, 'closed'],
    [/unexpected EOF|error reading a body|IncompleteMessage/, 'closed'],
    [/invalid HTTP|parse|invalid chunk|http2 error/i, 'protocol'],
];

function open(plan) {
    const secure = plan.requests[0].url.startsWith('https:');
    const client = Deno.createHttpClient({
        ...(plan.ca_file && { caCerts: [fs.readFileSync(plan.ca_file, 'utf8')] }),
        // Without TLS it speaks 1.1 unless that is ruled out; with TLS it offers both.
        ...(plan.http === '2' && { http1: false }),
        ...(plan.http === '1.1' && secure && { http2: false }),
    });
    return {
        send: (request, report) => send(request, report, client),
        close: () => client.close(),
    };
}

function body(request) {
    return request.pauses.length > 0
        ? Readable.toWeb(Readable.from(request.bodyPieces())) : request.body;
}

async function exchange(request, report, client) {
    const response = await fetch(request.url, {
        client,
        method: request.method,
        headers: request.headers,
        body: body(request),
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

async function send(request, report, client) {
    try {
        await exchange(request, report, client);
    } catch (error) {
        const words = `${error.message} ${error.cause?.message ?? ''}`;
        const found = KIND_OF_WORDS.find(([pattern]) => pattern.test(words));
        throw found && error.name !== 'TimeoutError' ? as(found[1], error) : error;
    }
}

main({
    client: 'deno',
    version: Deno.version.deno,
    stack: [{ name: 'v8', version: Deno.version.v8 }],
    can: {
        http: ['1.1', '2'],
        tls: true,
        concurrent: true,
        timers: ['total_ms'],
        phases: true,
        body_stream: true,
    },
    open,
});
