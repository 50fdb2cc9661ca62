// SPDX-License-Identifier: MIT
// Node's own http2: a session for the plan, made anew where it has ended.

import fs from 'node:fs';
import http2 from 'node:http2';
import { Readable } from 'node:stream';

import { as, httpRuntime, main, objectPairs } from './_node/adapterkit.mjs';

const { NGHTTP2_CANCEL } = http2.constants;
const PSEUDO = /^:/;

function open(plan) {
    const options = plan.ca_file ? { ca: fs.readFileSync(plan.ca_file) } : {};
    let session = null;
    let failed = null;

    /** The session, and a promise that rejects when it fails. */
    function connected(url) {
        if (session === null || session.closed || session.destroyed) {
            session = http2.connect(new URL(url).origin, options);
            failed = new Promise((_, reject) => session.on('error', reject));
            failed.catch(() => {});
        }
        return session;
    }

    return {
        send: (request, report) => {
            const sent = exchange(connected(request.url), request, report);
            return Promise.race([sent, failed]);
        },
        close: () => session?.destroy(),
    };
}

function fields(headers) {
    return objectPairs(headers).filter(([name]) => !PSEUDO.test(name));
}

function start(session, request) {
    const { pathname, search } = new URL(request.url);
    const { read_ms: readMs, total_ms: totalMs } = request.timers;
    const stream = session.request({
        ':method': request.method,
        ':path': pathname + search,
        ...request.headerObject(),
        ...(request.body && request.pauses.length === 0
            && { 'content-length': request.body.length }),
    }, {
        endStream: !request.body,
        ...(totalMs && { signal: AbortSignal.timeout(totalMs) }),
    });
    if (readMs) {
        stream.setTimeout(readMs, () => {
            stream.close(NGHTTP2_CANCEL);
            stream.destroy(as('timeout', new Error(`'timeout' event: idle for ${readMs} ms`)));
        });
    }
    return stream;
}

function exchange(session, request, report) {
    return new Promise((resolve, reject) => {
        const stream = start(session, request);
        let answered = false;
        stream.on('error', reject);
        stream.on('aborted', () => reject(as('closed', new Error("'aborted' event"))));
        // A stream that ends with neither an answer nor an error.
        stream.on('close', () => {
            if (!answered) {
                reject(as('closed', new Error("'close' event before any response")));
            }
        });
        // Every interim response; a 100 comes as 'continue' besides.
        stream.on('headers', (headers) => report.interim(headers[':status'], fields(headers)));
        stream.on('response', (headers) => {
            answered = true;
            report.response(headers[':status'], null, fields(headers));
            report.body('');
        });
        stream.on('data', (chunk) => report.body(chunk));
        stream.on('end', () => {
            if (answered) {
                resolve();
            }
        });
        if (request.body) {
            Readable.from(request.bodyPieces()).pipe(stream);
        }
    });
}

main({
    client: 'node-http2',
    version: process.versions.node,
    stack: [...httpRuntime(), { name: 'nghttp2', version: process.versions.nghttp2 }],
    can: {
        http: ['2'],
        tls: true,
        concurrent: true,
        timers: ['read_ms', 'total_ms'],
        interim: 'fields',
        phases: true,
        body_stream: true,
    },
    open,
});
