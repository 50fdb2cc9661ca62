// SPDX-License-Identifier: MIT
package interimspec

import java.net.URI
import java.util.concurrent.TimeoutException
import org.apache.pekko.actor.ActorSystem
import org.apache.pekko.http.scaladsl.{ConnectionContext, Http, HttpsConnectionContext}
import org.apache.pekko.http.scaladsl.model.{ContentTypes, HttpEntity, HttpMethod, HttpMethods, HttpHeader, HttpRequest, HttpResponse}
import org.apache.pekko.http.scaladsl.model.{EntityStreamException, IllegalResponseException}
import org.apache.pekko.http.scaladsl.settings.{ClientConnectionSettings, ConnectionPoolSettings}
import org.apache.pekko.stream.StreamTcpException
import org.apache.pekko.stream.scaladsl.TcpIdleTimeoutException
import scala.concurrent.{Await, Future}
import scala.concurrent.duration._
import scala.jdk.CollectionConverters._
import scala.jdk.FutureConverters._

/** Pekko HTTP's client, at the level of requests; with `--http2` one connection of HTTP/2, which that level lacks. */
final class Main private (http2: Boolean) extends Adapter("pekko-http", Adapter.versionOf(classOf[HttpRequest])) {
  layer("pekko", Adapter.versionOf(classOf[ActorSystem]))
  layer("scala", scala.util.Properties.versionNumberString)
  can("tls", true)
  can("timers", java.util.List.of("connect_ms", "read_ms"))
  can("phases", true)
  if (http2) {
    can("http", java.util.List.of("2"))
    canConcurrently()
  }

  override protected def open(plan: Plan): Adapter.Session = {
    import Main.system
    val trust = Option(plan.caFile).map(file => ConnectionContext.httpsClient(Trust.of(file)))
    if (http2) new Main.Http2Session(plan.requests.get(0), trust)
    else new Adapter.Session {
      override def send(request: Request, report: Report): Unit = Main.send(trust, request, report)

      override def close(): Unit = Await.ready(Http().shutdownAllConnectionPools(), 5.seconds)
    }
  }

  def start(): Unit = run()

  override protected def tells(error: RuntimeException): Boolean = Main.isOwn(error)

  override protected def kindOf(error: Throwable): String = error match {
    case _: TimeoutException | _: TcpIdleTimeoutException => "timeout"
    case _: IllegalResponseException => "protocol"
    case _: EntityStreamException => "closed"
    case _: StreamTcpException if String.valueOf(error.getMessage).contains("Connect timeout") => "timeout"
    case _: StreamTcpException if String.valueOf(error.getMessage).contains("refused") => "refused"
    case _: StreamTcpException => "closed"
    case _ if String.valueOf(error.getMessage).contains("ended before") => "closed"
    case _ => null
  }
}

object Main {
  /** One for the program, as documented; what a plan opened is closed with its pools. */
  private implicit val system: ActorSystem = ActorSystem("adapter")

  /** The exceptions that a call throws in place of handing out a future. */
  private def isOwn(error: RuntimeException): Boolean = error.getClass.getName.startsWith("org.apache.pekko.")

  /** A program with HTTP/2 holds the connection itself, and opens another when that has ended. */
  private final class Http2Session(first: Request, trust: Option[HttpsConnectionContext]) extends Adapter.Session {
    private var connection: Option[Http2Connection] = None

    private def current(): Http2Connection = synchronized {
      val found = connection.filterNot(_.isOver).getOrElse(new Http2Connection(flow()))
      connection = Some(found)
      found
    }

    private def flow() = {
      val url = URI.create(first.url)
      val to = Http().connectionTo(url.getHost).toPort(url.getPort).withClientConnectionSettings(connectionSettings(first))
      if (url.getScheme == "http") to.http2WithPriorKnowledge()
      else trust.fold(to)(to.withCustomHttpsConnectionContext).http2()
    }

    override def send(request: Request, report: Report): Unit = deliver(current().send(message(request)), report)

    override def close(): Unit = connection.foreach(_.close())
  }

  private def send(trust: Option[HttpsConnectionContext], request: Request, report: Report): Unit = {
    val settings = ConnectionPoolSettings(system).withConnectionSettings(connectionSettings(request))
    deliver(Http().singleRequest(message(request), trust.getOrElse(Http().defaultClientHttpsContext), settings), report)
  }

  private def connectionSettings(request: Request): ClientConnectionSettings = {
    var connection = ClientConnectionSettings(system)
    Option(request.timer("connect_ms")).foreach(ms => connection = connection.withConnectingTimeout(ms.toInt.millis))
    Option(request.timer("read_ms")).foreach(ms => connection = connection.withIdleTimeout(ms.toInt.millis))
    connection
  }

  private def message(request: Request): HttpRequest = {
    val headers = request.headers.asScala.toList.flatMap { field =>
      HttpHeader.parse(field(0), field(1)) match {
        case HttpHeader.ParsingResult.Ok(header, _) => Some(header)
        case other => throw new IllegalArgumentException(other.errors.toString)
      }
    }
    val method = HttpMethods.getForKey(request.method).getOrElse(HttpMethod.custom(request.method))
    val entity = if (request.body == null) HttpEntity.Empty else HttpEntity(request.body)
    HttpRequest(method, request.url, headers, entity)
  }

  private def deliver(answered: Future[HttpResponse], report: Report): Unit = {
    import system.dispatcher
    val over: Future[Any] = answered.flatMap { response =>
      val fields = response.headers.map(field => java.util.List.of(field.name, field.value): Object) ++
        response.entity.contentLengthOption.map(length => java.util.List.of("Content-Length", length.toString)) ++
        // The entity has the type too, and this one where there was none.
        Some(response.entity.contentType).filter(_ != ContentTypes.`application/octet-stream`)
          .map(kind => java.util.List.of("Content-Type", kind.toString))
      report.response(response.status.intValue, response.status.reason, fields.asJava)
      report.body(Array.emptyByteArray, 0)
      response.entity.withoutSizeLimit().dataBytes.runForeach { octets =>
        report.body(octets.toArray, octets.length)
      }
    }
    // What fails the future is told, of whatever type it is: many are plain ones of the JDK. This throws
    // ExecutionException, where Await would throw the failure itself, as if it were one of the adapter.
    over.asJava.toCompletableFuture.get()
  }

  def main(args: Array[String]): Unit =
    try new Main(args.contains("--http2")).start()
    catch {
      // The threads of the ActorSystem would keep a process alive that has crashed.
      case crash: Throwable =>
        crash.printStackTrace()
        sys.exit(1)
    }
}
