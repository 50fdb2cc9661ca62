// SPDX-License-Identifier: MIT
// ky on top of Node's fetch, with all its defaults, retries among them.

import ky, { HTTPError, TimeoutError } from 'ky';

import { as, main, packageVersion, refuseH2c, runtime } from './_node/adapterkit.mjs';
import { trustForProcess } from './_node/agents.mjs';

const version = packageVersion('ky');

async function send(request, report) {
    try {
        const call = ky(request.url, {
            method: request.method,
            headers: request.headers,
            ...(request.body && { body: request.body }),
            timeout: request.timers.total_ms ?? false,
        });
        // The shortcut methods are what puts the content under the timer as well.
        const content = await call.arrayBuffer();
        const response = await call;
        report.response(response.status, response.statusText, [...response.headers]);
        report.body(content);
    } catch (error) {
        if (error instanceof HTTPError) {
            throw as('status', error, error.response.status);
        }
        throw error instanceof TimeoutError ? as('timeout', error) : error;
    }
}

main({
    client: 'ky',
    version,
    stack: runtime(),
    can: {
        http: ['1.1', '2'],
        tls: true,
        concurrent: true,
        timers: ['total_ms'],
    },
    open(plan) {
        refuseH2c(plan);
        trustForProcess(plan);
        return { send };
    },
});
