// SPDX-License-Identifier: MIT
package interimspec

import java.io.EOFException
import org.apache.pekko.actor.ActorSystem
import org.apache.pekko.http.scaladsl.model.{HttpRequest, HttpResponse, ResponsePromise}
import org.apache.pekko.stream.{KillSwitches, QueueOfferResult}
import org.apache.pekko.stream.scaladsl.{Flow, Keep, Sink, Source}
import scala.concurrent.{Await, Future, Promise}
import scala.concurrent.duration._

/** Requests into one connection, and responses out of it, each to the promise that its request carries, as the
  * documentation shows.
  */
private[interimspec] final class Http2Connection(flow: Flow[HttpRequest, HttpResponse, Any])(implicit
    system: ActorSystem) {
  import system.dispatcher

  private val end = KillSwitches.shared("end of the plan")
  private val (requests, over) = Source
    .queue[HttpRequest](64)
    .via(end.flow)
    .via(flow)
    .via(end.flow)
    .toMat(Sink.foreach { response =>
      response.attribute(ResponsePromise.Key).foreach(_.promise.trySuccess(response))
    })(Keep.both)
    .run()

  def isOver: Boolean = over.isCompleted

  def send(request: HttpRequest): Future[HttpResponse] = {
    val answer = Promise[HttpResponse]()
    requests.offer(request.addAttribute(ResponsePromise.Key, ResponsePromise(answer))) match {
      // What ends the stream is told by its own future alone.
      case QueueOfferResult.Enqueued => over.onComplete(how => answer.tryFailure(how.failed.getOrElse(Http2Connection.ended)))
      case QueueOfferResult.Failure(error) => answer.tryFailure(error)
      case _ => answer.tryFailure(Http2Connection.ended)
    }
    answer.future
  }

  def close(): Unit = {
    end.shutdown()
    Await.ready(over, 5.seconds)
  }
}

private object Http2Connection {
  private def ended = new EOFException("the stream of responses is complete")
}
