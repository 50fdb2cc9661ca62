// SPDX-License-Identifier: MIT
package interimspec

import io.ktor.client.HttpClient
import io.ktor.client.engine.cio.CIO
import io.ktor.client.plugins.HttpRequestTimeoutException
import io.ktor.client.plugins.HttpTimeout
import io.ktor.client.plugins.timeout
import io.ktor.client.network.sockets.ConnectTimeoutException
import io.ktor.client.network.sockets.SocketTimeoutException
import io.ktor.client.request.header
import io.ktor.client.request.prepareRequest
import io.ktor.client.request.setBody
import io.ktor.client.request.url
import io.ktor.client.statement.bodyAsChannel
import io.ktor.http.HttpMethod
import io.ktor.utils.io.ClosedWriteChannelException
import io.ktor.utils.io.jvm.javaio.toInputStream
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import javax.net.ssl.X509TrustManager

/** Ktor's client with its own engine, CIO. */
class Main : Adapter("ktor-cio", versionOf(CIO::class.java)) {
    init {
        layer("kotlin", KotlinVersion.CURRENT.toString())
        can("tls", true)
        can("timers", listOf("connect_ms", "read_ms", "total_ms"))
        can("second_request", "new-connection")
        can("phases", true)
    }

    fun start() = run()

    override fun open(plan: Plan): Session {
        val client = HttpClient(CIO) {
            install(HttpTimeout)
            plan.caFile?.let { file ->
                engine { https { trustManager = Trust.managers(file).trustManagers[0] as X509TrustManager } }
            }
        }
        return object : Session {
            override fun send(request: Request, report: Report) = runBlocking { send(client, request, report) }

            override fun close() = client.close()
        }
    }

    private suspend fun send(client: HttpClient, request: Request, report: Report) {
        val statement = client.prepareRequest {
            url(request.url)
            method = HttpMethod(request.method)
            request.headers.forEach { header(it[0], it[1]) }
            request.body?.let { setBody(it) }
            timeout {
                request.timer("connect_ms")?.let { connectTimeoutMillis = it.toLong() }
                request.timer("read_ms")?.let { socketTimeoutMillis = it.toLong() }
                request.timer("total_ms")?.let { requestTimeoutMillis = it.toLong() }
            }
        }
        statement.execute { response ->
            val fields = response.headers.entries().flatMap { (name, values) -> values.map { listOf(name, it) } }
            report.response(response.status.value, response.status.description, fields)
            report.body(ByteArray(0), 0)
            withContext(Dispatchers.IO) { readAll(response.bodyAsChannel().toInputStream(), report) }
        }
    }

    override fun kindOf(error: Throwable): String? = when (error) {
        is HttpRequestTimeoutException, is ConnectTimeoutException, is SocketTimeoutException -> "timeout"
        is ClosedWriteChannelException -> "closed"
        else -> if ("Failed to parse HTTP response" in error.message.orEmpty()) "closed" else null
    }
}

fun main() = Main().start()
