// SPDX-License-Identifier: MIT
// What the adapters for Node clients share: plans from stdin, events out, and nothing else. No
// retry, no mapping, and no handler for what an ordinary program does not catch.
//
// An adapter gives `main` a function that opens one fresh client object for one plan:
//
//     main({client, version, stack, can, open(plan) {
//         const agent = new Agent();
//         return {
//             async send(request, report) {...},   // report.response, report.body; throws on failure
//             close() {...},                       // as the client's documentation says; may be absent
//         };
//     }});
//
// What `send` throws ends the request as failed; that it returns, as ok.

import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import process from 'node:process';
import readline from 'node:readline';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

const PLAN_KEYS = new Set(['v', 'plan', 'http', 'timers', 'ca_file', 'proxy', 'body_limit',
    'requests']);
const REQUEST_KEYS = new Set(['name', 'method', 'url', 'headers', 'body_b64', 'body_pause_ms',
    'expect_continue', 'start', 'not_before_ms', 'timers']);
const STARTS = ['after-previous', 'with-previous'];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'];

// Codes of Node itself and of undici, which is below more than one client.
const KIND_OF_CODE = {
    ECONNREFUSED: 'refused',
    ECONNRESET: 'closed',
    EPIPE: 'closed',
    ERR_STREAM_PREMATURE_CLOSE: 'closed',
    ERR_HTTP_CONTENT_LENGTH_MISMATCH: 'closed',
    ERR_HTTP2_STREAM_ERROR: 'protocol',
    HPE_HEADER_OVERFLOW: 'limit',
    HPE_INVALID_EOF_STATE: 'closed',
    ETIMEDOUT: 'timeout',
    ESOCKETTIMEDOUT: 'timeout',
    UND_ERR_CONNECT_TIMEOUT: 'timeout',
    UND_ERR_HEADERS_TIMEOUT: 'timeout',
    UND_ERR_BODY_TIMEOUT: 'timeout',
    UND_ERR_HEADERS_OVERFLOW: 'limit',
    UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'protocol',
    UND_ERR_SOCKET: 'closed',
    ERR_TLS_CERT_ALTNAME_INVALID: 'tls',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'tls',
    SELF_SIGNED_CERT_IN_CHAIN: 'tls',
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls',
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls',
    CERT_HAS_EXPIRED: 'tls',
};

// ---------------------------------------------------------------- events

class Channel {
    constructor() {
        const path = process.env.INTERIMSPEC_OUT;
        this.fd = path ? fs.openSync(path, 'w') : 1;
        this.mark = path ? '' : '@interimspec ';
    }

    put(event) {
        let left = Buffer.from(`${this.mark}${JSON.stringify({ v: 1, ...event })}\n`);
        while (left.length > 0) {
            left = left.subarray(fs.writeSync(this.fd, left));
        }
    }
}

/** Unix time in ms, with a fraction. */
export function nowMs() {
    return performance.timeOrigin + performance.now();
}

/** Waits no less than so long: Node's timers count whole ms and may run a part of one ahead. */
async function waitMs(ms) {
    const until = nowMs() + ms;
    for (let left = ms; left > 0; left = until - nowMs()) {
        await sleep(Math.ceil(left));
    }
}

/** Node's flat list of raw fields as pairs; octets of a field are code points of the text. */
export function pairs(rawHeaders) {
    const found = [];
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
        found.push([text(rawHeaders[at]), text(rawHeaders[at + 1])]);
    }
    return found;
}

/** The fields of clients that hand over an object: a field with several values comes several times. */
export function objectPairs(headers) {
    return Object.entries(headers).flatMap(([name, value]) =>
        (Array.isArray(value) ? value : [value]).map((one) => [name, text(one)]));
}

function text(value) {
    return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}

/** What the client's user is told about one request, written as it happens. */
class Report {
    constructor(channel, plan, request, phases) {
        this.channel = channel;
        this.plan = plan;
        this.request = request;
        this.phase = phases ? 'head' : null;
        this.hash = createHash('sha256');
        this.length = null;
        this.kept = [];
        this.room = plan.body_limit ?? 65536;
        this.started = nowMs();
    }

    interim(status, fields) {
        this.#put('interim', { at: nowMs(), status, fields });
    }

    /** The client handed over a head as the response. */
    response(status, reason, fields) {
        this.#put('response', { at: nowMs(), status, reason: reason ?? null, fields });
        if (this.phase !== null) {
            this.phase = 'body';
        }
    }

    /** Content that the client handed over; may be called many times, with a Buffer or text. */
    body(content) {
        const octets = Buffer.from(content);
        this.length = (this.length ?? 0) + octets.length;
        this.hash.update(octets);
        if (this.room > 0 && octets.length > 0) {
            this.kept.push(octets.subarray(0, this.room));
            this.room -= Math.min(this.room, octets.length);
        }
    }

    end(error) {
        const told = this.length !== null;
        this.#put('end', {
            started: this.started,
            at: nowMs(),
            told: error ? 'failed' : 'ok',
            body_b64: told ? Buffer.concat(this.kept).toString('base64') : null,
            body_len: this.length,
            body_sha256: told ? this.hash.digest('hex') : null,
            error: error ? describe(error, this.phase) : null,
        });
    }

    #put(event, values) {
        this.channel.put({ event, plan: this.plan.plan, request: this.request.name, ...values });
    }
}

// ---------------------------------------------------------------- errors

/** The error and what it was caused by, nearest first. */
function* causes(error) {
    const seen = new Set();
    const queue = [error];
    while (queue.length > 0) {
        const next = queue.shift();
        if (next instanceof Object && !seen.has(next)) {
            seen.add(next);
            yield next;
            queue.push(next.cause, ...(Array.isArray(next.errors) ? next.errors : []));
        }
    }
}

function kindOf(error) {
    for (const cause of causes(error)) {
        if (cause.interimspecKind) {
            return cause.interimspecKind;
        }
        if (cause.name === 'TimeoutError') {
            return 'timeout';
        }
        const code = String(cause.code ?? '');
        if (cause.name === 'HTTPParserError' || /^bad (response|upgrade)$/.test(cause.message)) {
            return code === 'UND_ERR_HEADERS_OVERFLOW' ? 'limit' : 'protocol';
        }
        if (Object.hasOwn(KIND_OF_CODE, code)) {
            return KIND_OF_CODE[code];
        }
        if (code.startsWith('HPE_')) {
            return 'protocol';
        }
        if (code.startsWith('ERR_SSL_') || code.startsWith('CERT_')) {
            return 'tls';
        }
    }
    return 'other';
}

function describe(error, phase) {
    const words = [];
    const codes = [];
    for (const cause of causes(error)) {
        const said = String(cause.message ?? cause);
        if (!words.includes(said)) {
            words.push(said);
        }
        if (cause.code !== undefined) {
            codes.push(String(cause.code));
        }
    }
    const described = {
        kind: kindOf(error),
        phase,
        type: String(error?.name ?? typeof error),
        message: words.join(': ').slice(0, 2000),
    };
    if (described.kind === 'status') {
        described.status = error.interimspecStatus ?? null;
    }
    if (codes.length > 0) {
        described.detail = { codes };
    }
    return described;
}

/** Says of an error what its type alone does not: a kind, and the status if the kind is `status`. */
export function as(kind, error, status) {
    return Object.assign(error, { interimspecKind: kind, interimspecStatus: status });
}

// ---------------------------------------------------------------- plans

/** A request of a plan, with the forms that clients want it in. */
class Request {
    constructor(plan, values) {
        this.name = values.name;
        this.method = values.method;
        this.url = values.url;
        this.headers = values.headers ?? [];
        this.body = values.body_b64 == null ? null : Buffer.from(values.body_b64, 'base64');
        this.pauses = values.body_pause_ms ?? [];
        this.expectContinue = values.expect_continue ?? false;
        this.notBeforeMs = values.not_before_ms ?? 0;
        this.withPrevious = values.start === 'with-previous';
        this.timers = { ...plan.timers, ...values.timers };
    }

    /** An object for clients that take one; a name that is there twice gets a list of values. */
    headerObject() {
        const found = {};
        for (const [name, value] of this.headers) {
            found[name] = name in found ? [found[name], value].flat() : value;
        }
        return found;
    }

    /** The body as an async iterable that pauses where the plan says it is still under way. */
    async * bodyPieces() {
        let start = 0;
        for (const [octets, pauseMs] of this.pauses) {
            if (octets > start) {
                yield this.body.subarray(start, octets);
                start = octets;
            }
            await waitMs(pauseMs);
        }
        if (start < this.body.length) {
            yield this.body.subarray(start);
        }
    }
}

function unsupported(plan, can) {
    const unknown = Object.keys(plan).find((key) => !PLAN_KEYS.has(key));
    if (unknown !== undefined) {
        return [unknown, plan[unknown]];
    }
    if (plan.v !== 1) {
        return ['v', plan.v];
    }
    if (!can.http.includes(plan.http)) {
        return ['http', plan.http];
    }
    if (plan.proxy != null && !can.proxy) {
        return ['proxy', plan.proxy];
    }
    if (plan.requests.length > 1 && can.second_request === 'none') {
        return ['second_request', plan.requests.length];
    }
    for (const request of plan.requests) {
        const found = unsupportedRequest(plan, request, can);
        if (found) {
            return found;
        }
    }
    return null;
}

function unsupportedRequest(plan, request, can) {
    const unknown = Object.keys(request).find((key) => !REQUEST_KEYS.has(key));
    if (unknown !== undefined) {
        return [unknown, request[unknown]];
    }
    for (const [name, value] of Object.entries({ ...plan.timers, ...request.timers })) {
        if (value !== null && !can.timers.includes(name)) {
            return [name, value];
        }
    }
    if (!can.methods.includes(request.method)) {
        return ['method', request.method];
    }
    if (request.url.startsWith('https:') && !can.tls) {
        return ['tls', true];
    }
    if (request.expect_continue && !can.expect_continue) {
        return ['expect_continue', true];
    }
    if (request.body_pause_ms?.length && (!can.body_stream || request.body_b64 == null)) {
        return ['body_pause_ms', request.body_pause_ms];
    }
    const starts = can.concurrent ? STARTS : STARTS.slice(0, 1);
    if (!starts.includes(request.start ?? STARTS[0])) {
        return ['start', request.start];
    }
    return null;
}

/** Thrown by `open` for what the client cannot do where its `can` does not say so already. */
export class Unsupported extends Error {
    constructor(what, value) {
        super(`unsupported: ${what}`);
        this.what = what;
        this.value = value;
    }
}

/** For clients that speak HTTP/2 over TLS only. */
export function refuseH2c(plan) {
    if (plan.http === '2' && plan.requests[0].url.startsWith('http:')) {
        throw new Unsupported('http', '2 without TLS');
    }
}

function openFor(plan, can, open) {
    const found = unsupported(plan, can);
    if (found) {
        throw new Unsupported(...found);
    }
    return open(plan);
}

async function play(plan, channel, can, open) {
    let session;
    try {
        session = openFor(plan, can, open);
    } catch (error) {
        if (!(error instanceof Unsupported)) {
            throw error;
        }
        channel.put({ event: 'unsupported', plan: plan.plan, what: error.what, value: error.value });
        channel.put({ event: 'done', plan: plan.plan });
        return;
    }
    let begun = nowMs();
    const running = [];
    for (const [index, values] of plan.requests.entries()) {
        const request = new Request(plan, values);
        if (index > 0 && !request.withPrevious) {
            await Promise.all(running.splice(0));
            // The next thing an ordinary program does comes a turn of the event loop later.
            await nextTurn();
        }
        await waitMs(begun + request.notBeforeMs - nowMs());
        const report = new Report(channel, plan, request, can.phases);
        if (index === 0) {
            begun = report.started;
        }
        running.push(sendOne(session, request, report));
    }
    await Promise.all(running);
    await session.close?.();
    channel.put({ event: 'done', plan: plan.plan });
}

async function sendOne(session, request, report) {
    let error = null;
    try {
        await session.send(request, report);
    } catch (thrown) {
        error = thrown ?? new Error(`rejected with ${thrown}`);
    }
    report.end(error);
}

/** Says hello, then plays the plans of stdin one at a time, until its end. */
export async function main({ client, version, stack, can, open }) {
    const full = {
        http: ['1.1'], tls: false, proxy: false, timers: [], second_request: 'pooled',
        not_before: true, interim: 'none', phases: false, expect_continue: false,
        body_stream: false, methods: METHODS, ...can,
    };
    const channel = new Channel();
    channel.put({ event: 'hello', client, version, stack, can: full });
    for await (const line of readline.createInterface({ input: process.stdin })) {
        if (line.trim() !== '') {
            await play(JSON.parse(line), channel, full, open);
        }
    }
    // What the client has left open must not keep the process alive after its input has ended.
    process.exit(0);
}

/** The version of a package as it is installed beside the adapter. */
export function packageVersion(name) {
    const path = new URL(`../node_modules/${name}/package.json`, import.meta.url);
    return JSON.parse(fs.readFileSync(path, 'utf8')).version;
}

/** The layers below a client that does not use the fetch that Node carries. */
export function httpRuntime() {
    return runtime().filter((layer) => layer.name !== 'undici-bundled');
}

/** The layers below every Node client. */
export function runtime() {
    const { llhttp, undici, openssl } = process.versions;
    return [
        { name: 'node', version: process.versions.node },
        { name: 'llhttp', version: llhttp },
        { name: 'undici-bundled', version: undici },
        { name: 'openssl', version: openssl },
    ].filter((layer) => layer.version !== undefined);
}
