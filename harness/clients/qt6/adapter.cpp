/* SPDX-License-Identifier: MIT
 *
 * Qt: one QNetworkAccessManager per plan, its replies awaited with an event loop. With --h2-direct
 * HTTP/2 with prior knowledge, and nothing else.
 */
#include <QtCore/QCoreApplication>
#include <QtCore/QEventLoop>
#include <QtCore/QMetaEnum>
#include <QtCore/QTimer>
#include <QtNetwork/QNetworkAccessManager>
#include <QtNetwork/QNetworkProxy>
#include <QtNetwork/QNetworkReply>
#include <QtNetwork/QSslCertificate>
#include <QtNetwork/QSslConfiguration>

#include <cstring>
#include <memory>

#include "adapterkit.h"

static bool h2_direct;

static const char *kind_of(QNetworkReply::NetworkError error)
{
    switch (error) {
    case QNetworkReply::TimeoutError:
    case QNetworkReply::OperationCanceledError: /* what setTransferTimeout() ends with */
        return "timeout";
    case QNetworkReply::ConnectionRefusedError:
        return "refused";
    case QNetworkReply::RemoteHostClosedError:
        return "closed";
    case QNetworkReply::SslHandshakeFailedError:
        return "tls";
    case QNetworkReply::ProtocolFailure:
    case QNetworkReply::ProtocolInvalidOperationError:
    case QNetworkReply::ProtocolUnknownError:
        return "protocol";
    case QNetworkReply::TooManyRedirectsError:
        return "limit";
    default:
        return error >= QNetworkReply::ContentAccessDenied ? "status" : "other";
    }
}

static QNetworkRequest new_request(const kit_request &request)
{
    QNetworkRequest message{QUrl(QString::fromUtf8(request.url))};
    for (size_t i = 0; i < request.n_fields; i++)
        message.setRawHeader(request.fields[i].name, request.fields[i].value);
    if (request.timers.read_ms != KIT_UNSET)
        message.setTransferTimeout(static_cast<int>(request.timers.read_ms));
    message.setAttribute(QNetworkRequest::Http2AllowedAttribute,
                         std::strcmp(request.plan->http, "2") == 0);
    if (h2_direct)
        message.setAttribute(QNetworkRequest::Http2DirectAttribute, true);
    if (request.plan->ca_file) {
        QSslConfiguration tls = QSslConfiguration::defaultConfiguration();
        tls.setCaCertificates(QSslCertificate::fromPath(QString::fromUtf8(request.plan->ca_file)));
        message.setSslConfiguration(tls);
    }
    return message;
}

static void tell_head(kit_report *report, const QNetworkReply &reply)
{
    for (const auto &[name, value] : reply.rawHeaderPairs())
        kit_field(report, name.constData(), value.constData());
    kit_response(report, reply.attribute(QNetworkRequest::HttpStatusCodeAttribute).toInt(),
                 reply.attribute(QNetworkRequest::HttpReasonPhraseAttribute).toByteArray().constData());
}

static void tell_failure(kit_report *report, const QNetworkReply &reply)
{
    QNetworkReply::NetworkError error = reply.error();
    QByteArray words = reply.errorString().toUtf8();
    int status = reply.attribute(QNetworkRequest::HttpStatusCodeAttribute).toInt();
    const char *name = QMetaEnum::fromType<QNetworkReply::NetworkError>().valueToKey(error);
    if (std::strcmp(kind_of(error), "status") == 0) {
        kit_failed_status(report, status, name, words.constData());
    } else {
        kit_status_seen(report, status);
        kit_failed(report, kind_of(error), name, words.constData());
    }
}

static void send_request(QNetworkAccessManager &manager, const kit_request &request)
{
    kit_report *report = kit_begin(&request);
    QByteArray body(request.body, static_cast<int>(request.body_length));
    std::unique_ptr<QNetworkReply> reply(
        manager.sendCustomRequest(new_request(request), request.method, body));
    QEventLoop loop;
    bool told = false;
    QObject::connect(reply.get(), &QNetworkReply::metaDataChanged, [&] {
        if (!told && reply->attribute(QNetworkRequest::HttpStatusCodeAttribute).isValid()) {
            told = true;
            tell_head(report, *reply);
        }
    });
    QObject::connect(reply.get(), &QNetworkReply::readyRead, [&] {
        QByteArray octets = reply->readAll();
        kit_body(report, octets.constData(), static_cast<size_t>(octets.size()));
    });
    QObject::connect(reply.get(), &QNetworkReply::finished, &loop, &QEventLoop::quit);
    if (!reply->isFinished())
        loop.exec();
    QByteArray rest = reply->readAll();
    if (!rest.isEmpty())
        kit_body(report, rest.constData(), static_cast<size_t>(rest.size()));
    if (reply->error() == QNetworkReply::NoError)
        kit_ok(report);
    else
        tell_failure(report, *reply);
    QCoreApplication::processEvents();
}

static void play(const kit_plan *plan)
{
    QNetworkAccessManager manager;
    if (plan->proxy) {
        QUrl url(QString::fromUtf8(plan->proxy));
        manager.setProxy(QNetworkProxy(QNetworkProxy::HttpProxy, url.host(),
                                       static_cast<quint16>(url.port())));
    }
    for (size_t i = 0; i < plan->n_requests; i++)
        send_request(manager, plan->requests[i]);
}

int main(int argc, char **argv)
{
    QCoreApplication application(argc, argv);
    h2_direct = argc > 1 && std::strcmp(argv[1], "--h2-direct") == 0;
    kit_client client = {};
    client.name = QT_VERSION_MAJOR == 6 ? "qt6" : "qt5";
    client.version = qVersion();
    client.can.http = h2_direct ? "2" : "1.1 2";
    client.can.tls = !h2_direct;
    client.no_h2c = !h2_direct;
    client.can.proxy = true;
    client.can.timers = "read_ms";
    client.can.second_request = "pooled";
    client.can.not_before = true;
    client.can.interim = "none";
    client.can.phases = true;
    client.play = play;
    return kit_main(&client);
}
