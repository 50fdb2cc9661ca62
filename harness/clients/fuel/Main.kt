// SPDX-License-Identifier: MIT
package interimspec

import com.github.kittinunf.fuel.core.FuelError
import com.github.kittinunf.fuel.core.FuelManager
import com.github.kittinunf.fuel.core.Method

/** Fuel, a layer on HttpURLConnection. */
class Main : Adapter("fuel", versionOf(FuelManager::class.java)) {
    init {
        layer("kotlin", KotlinVersion.CURRENT.toString())
        layer("HttpURLConnection", jdkVersion())
        can("tls", true)
        can("timers", listOf("connect_ms", "read_ms"))
        can("methods", listOf("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"))
    }

    fun start() = run()

    override fun open(plan: Plan): Session {
        val fuel = FuelManager()
        plan.caFile?.let { fuel.socketFactory = Trust.of(it).socketFactory }
        return object : Session {
            override fun send(request: Request, report: Report) = send(fuel, request, report)

            override fun close() = Unit // the pool of connections belongs to the process
        }
    }

    private fun send(fuel: FuelManager, request: Request, report: Report) {
        val message = fuel.request(Method.valueOf(request.method), request.url)
        request.headers.forEach { message.appendHeader(it[0], it[1]) }
        request.body?.let { message.body(it) }
        request.timer("connect_ms")?.let { message.timeout(it) }
        request.timer("read_ms")?.let { message.timeoutRead(it) }
        val (_, response, result) = message.response()
        result.component2()?.let { error ->
            report.body(error.errorData, error.errorData.size)
            throw error
        }
        val fields = response.headers.entries.flatMap { (name, values) -> values.map { listOf(name, it) } }
        report.response(response.statusCode, response.responseMessage, fields)
        report.body(result.get(), result.get().size)
    }

    override fun statusOf(error: Throwable): Int = (error as FuelError).response.statusCode

    // validateResponse makes an error of every status but 2xx and 3xx; without a status it is -1.
    override fun kindOf(error: Throwable): String? =
        if (error is FuelError && error.response.statusCode >= 400) "status" else null
}

fun main() = Main().start()
