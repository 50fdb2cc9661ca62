// SPDX-License-Identifier: MIT
package interimspec

import cats.effect.{IO, Resource}
import cats.effect.unsafe.implicits.global
import fs2.Chunk
import fs2.io.net.tls.TLSContext
import java.util.concurrent.TimeoutException
import org.http4s.{Entity, Header, Headers, Method, Uri}
import org.http4s.client.Client
import org.http4s.ember.client.EmberClientBuilder
import org.http4s.ember.core.EmberException
import org.typelevel.ci.CIString
import scala.concurrent.duration._
import scala.jdk.CollectionConverters._

/** http4s with its Ember client. */
final class Main private () extends Adapter("http4s-ember", Adapter.versionOf(classOf[EmberClientBuilder[IO]])) {
  layer("fs2-io", Adapter.versionOf(classOf[TLSContext[IO]]))
  layer("cats-effect", Adapter.versionOf(classOf[IO[Any]]))
  layer("scala", scala.util.Properties.versionNumberString)
  can("tls", true)
  can("timers", java.util.List.of("read_ms", "total_ms"))
  can("phases", true)

  override protected def open(plan: Plan): Adapter.Session = {
    var builder = EmberClientBuilder.default[IO]
    Option(plan.caFile).foreach { file =>
      builder = builder.withTLSContext(TLSContext.Builder.forAsync[IO].fromSSLContext(Trust.of(file)))
    }
    // Timers belong to the client, so the first request says what they are.
    Option(plan.requests.get(0).timer("read_ms")).foreach(ms => builder = builder.withIdleConnectionTime(ms.toInt.millis))
    Option(plan.requests.get(0).timer("total_ms")).foreach(ms => builder = builder.withTimeout(ms.toInt.millis))
    val (client, release) = builder.build.allocated.unsafeRunSync()
    new Adapter.Session {
      override def send(request: Request, report: Report): Unit = Main.send(client, request, report)

      override def close(): Unit = release.unsafeRunSync()
    }
  }

  def start(): Unit = run()

  override protected def tells(error: RuntimeException): Boolean = error.isInstanceOf[EmberException]

  override protected def kindOf(error: Throwable): String = error match {
    case _: TimeoutException => "timeout"
    case _: EmberException.ParseError => "protocol"
    case _: EmberException.EmptyStream | _: EmberException.ReachedEndOfStream => "closed"
    case _: EmberException.MessageTooLong => "limit"
    case _: EmberException => "protocol"
    case _ => null
  }
}

object Main {
  private def send(client: Client[IO], request: Request, report: Report): Unit = {
    val fields = request.headers.asScala.toList.map(field => Header.Raw(CIString(field(0)), field(1)))
    var message = org.http4s.Request[IO](
      Method.fromString(request.method).fold(throw _, identity),
      Uri.unsafeFromString(request.url))
    if (request.body != null) {
      message = message.withEntity(request.body)
    }
    message = message.putHeaders(fields.map(Header.ToRaw.rawToRaw(_)): _*)
    client.run(message).use { response =>
      IO {
        val shown = response.headers.headers.map(field => java.util.List.of(field.name.toString, field.value): Object)
        report.response(response.status.code, response.status.reason, shown.asJava)
        report.body(Array.emptyByteArray, 0)
      } *> response.body.chunks.foreach(chunk => IO(report.body(chunk.toArray, chunk.size))).compile.drain
    }.unsafeRunSync()
  }

  def main(args: Array[String]): Unit = new Main().start()
}
