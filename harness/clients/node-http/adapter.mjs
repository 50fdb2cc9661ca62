// SPDX-License-Identifier: MIT
// Node's own http.request (https.request for TLS).

import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';

import { freshAgents } from './_node/agents.mjs';
import { as, httpRuntime, main, pairs } from './_node/adapterkit.mjs';

// The documentation asks for a timeout beside the 'continue' listener and names no value; a second
// is what other clients wait.
const CONTINUE_MS = 1000;

function sendBody(request, req) {
    if (request.pauses.length > 0) {
        Readable.from(request.bodyPieces()).pipe(req);
    } else {
        req.end(request.body);
    }
}

function start(request, agents) {
    const secure = request.url.startsWith('https:');
    const { read_ms: readMs, total_ms: totalMs } = request.timers;
    const req = (secure ? https : http).request(request.url, {
        agent: agents.of(request.url),
        method: request.method,
        headers: request.headerObject(),
        ...(readMs && { timeout: readMs }),
        ...(totalMs && { signal: AbortSignal.timeout(totalMs) }),
    });
    if (readMs) {
        req.on('timeout', () => {
            req.destroy(as('timeout', new Error(`'timeout' event: idle for ${readMs} ms`)));
        });
    }
    if (request.body && !req.hasHeader('content-length') && !req.hasHeader('transfer-encoding')) {
        req.setHeader('Content-Length', request.body.length);
    }
    return req;
}

function send(request, report, agents) {
    return new Promise((resolve, reject) => {
        const req = start(request, agents);
        let bodyIsDue = request.body !== null;
        const sendBodyOnce = () => {
            if (bodyIsDue) {
                bodyIsDue = false;
                sendBody(request, req);
            }
        };
        let answered = false;
        req.on('error', reject);
        // The only event of a connection that was given up for a 101 nobody listens for.
        req.on('close', () => {
            if (!answered) {
                reject(as('closed', new Error("'close' event before any response")));
            }
        });
        req.on('information', (info) => report.interim(info.statusCode, pairs(info.rawHeaders)));
        req.on('response', (res) => {
            answered = true;
            report.response(res.statusCode, res.statusMessage, pairs(res.rawHeaders));
            report.body('');
            res.on('data', (chunk) => report.body(chunk));
            res.on('error', reject);
            res.on('end', () => {
                if (bodyIsDue) {
                    // Refused before the body was asked for: such a request is given up.
                    bodyIsDue = false;
                    req.destroy();
                }
                if (res.complete) {
                    resolve();
                } else {
                    reject(as('closed', new Error('message.complete is false')));
                }
            });
        });
        if (request.expectContinue && request.body) {
            req.setHeader('Expect', '100-continue');
            req.flushHeaders();
            req.once('continue', sendBodyOnce);
            const timer = setTimeout(sendBodyOnce, CONTINUE_MS);
            req.once('response', () => clearTimeout(timer));
            req.once('close', () => clearTimeout(timer));
        } else if (request.body) {
            sendBodyOnce();
        } else {
            req.end();
        }
    });
}

main({
    client: 'node-http',
    version: process.versions.node,
    stack: httpRuntime(),
    can: {
        tls: true,
        // Node 19 was the first whose global agent keeps connections.
        second_request: http.globalAgent.keepAlive ? 'pooled' : 'new-connection',
        timers: ['read_ms', 'total_ms'],
        interim: 'fields',
        phases: true,
        expect_continue: true,
        body_stream: true,
    },
    open(plan) {
        const agents = freshAgents(plan);
        return {
            send: (request, report) => send(request, report, agents),
            close: () => agents.destroy(),
        };
    },
});
