-- SPDX-License-Identifier: MIT
{-# LANGUAGE OverloadedStrings #-}

-- | http-client: a manager with the settings of http-client-tls for each plan, withResponse for each
-- request.
module Main (main) where

import qualified AdapterKit as Kit
import Control.Concurrent (threadDelay)
import Control.Exception (fromException)
import Control.Monad (unless)
import Data.Aeson ((.=))
import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import qualified Data.CaseInsensitive as CI
import Data.IORef
import Data.Maybe (fromMaybe)
import qualified Data.Text as T
import Network.Connection (TLSSettings (..))
import qualified Network.HTTP.Client as H
import qualified Network.HTTP.Client.TLS as H
import Network.HTTP.Types (statusCode, statusMessage)
import qualified Network.TLS as TLS
import qualified Network.TLS.Extra.Cipher as TLS
import Data.X509.CertificateStore (readCertificateStore)
import Data.Default.Class (def)

main :: IO ()
main = Kit.adapterMain Kit.Client
  { Kit.clientName = "http-client"
  , Kit.clientVersion = T.pack VERSION_http_client
  , Kit.clientStack = [("http-client-tls", T.pack VERSION_http_client_tls)]
  , Kit.clientCan =
      [ "tls" .= True, "proxy" .= True, "timers" .= ["total_ms" :: T.Text], "phases" .= True
      , "body_stream" .= True ]
  , Kit.clientOpen = \plan -> (,) plan <$> open plan
  , Kit.clientClose = const (pure ()) -- a manager is closed by the garbage collector
  , Kit.clientSend = send
  , Kit.clientFailure = fmap failure . fromException
  }

open :: Kit.Plan -> IO H.Manager
open plan = do
  settings <- maybe (pure H.tlsManagerSettings) trusting (Kit.caFile plan)
  H.newManager (maybe id throughProxy (Kit.proxy plan) settings)
 where
  throughProxy address =
    let at = H.parseRequest_ address in H.managerSetProxy (H.useProxy (H.Proxy (H.host at) (H.port at)))

trusting :: FilePath -> IO H.ManagerSettings
trusting file = do
  store <- readCertificateStore file >>= maybe (fail ("no certificates in " ++ file)) pure
  let base = TLS.defaultParamsClient "localhost" ""
      params = base
        { TLS.clientShared = def {TLS.sharedCAStore = store}
        , TLS.clientSupported = def {TLS.supportedCiphers = TLS.ciphersuite_default} }
  pure (H.mkManagerSettings (TLSSettings params) Nothing)

send :: (Kit.Plan, H.Manager) -> Kit.Request -> Kit.Report -> IO ()
send (plan, manager) request report = do
  parsed <- H.parseRequest (Kit.url request)
  let message = parsed
        { H.method = Kit.method request
        , H.requestHeaders = [(CI.mk n, v) | (n, v) <- Kit.headers request]
        , H.requestBody = maybe (H.requestBody parsed) content (Kit.body request)
        , H.responseTimeout = maybe H.responseTimeoutDefault (H.responseTimeoutMicro . (* 1000))
            (Kit.timer plan request "total_ms") }
  H.withResponse message manager $ \answer -> do
    let status = H.responseStatus answer
    Kit.response report (statusCode status) (Just (statusMessage status))
      [(CI.original n, v) | (n, v) <- H.responseHeaders answer]
    readAll (H.responseBody answer)
 where
  readAll more = do
    octets <- H.brRead more
    Kit.content report octets
    unless (B.null octets) (readAll more)
  content octets
    | null (Kit.pauses request) = H.RequestBodyBS octets
    | otherwise = H.RequestBodyStream (fromIntegral (B.length octets)) (giveSlowly octets (Kit.pauses request))

-- | The body, with the waits where the plan says that it is still under way.
giveSlowly :: B.ByteString -> [(Int, Int)] -> H.GivesPopper ()
giveSlowly octets waits needs = do
  rest <- newIORef (0, octets, waits)
  needs $ do
    (at, left, more) <- readIORef rest
    case more of
      ((offset, ms) : later)
        | offset > at -> give rest (splitAt' (offset - at) left) more at
        | otherwise -> do
            threadDelay (ms * 1000)
            give rest (splitAt' (maybe (B.length left) (subtract at . fst) (firstOf later)) left) later at
      [] -> give rest (left, B.empty) [] at
 where
  splitAt' = B.splitAt
  firstOf = foldr (const . Just) Nothing
  give rest (now, left) more at = do
    writeIORef rest (at + B.length now, left, more)
    pure now

failure :: H.HttpException -> Kit.Failure
failure raised = Kit.Failure (kind raised) Nothing (T.pack (head (words (constructor raised))))
 where
  constructor (H.HttpExceptionRequest _ reason) = show reason
  constructor (H.InvalidUrlException _ reason) = "InvalidUrlException " ++ reason
  kind (H.InvalidUrlException _ _) = "other"
  kind (H.HttpExceptionRequest _ reason) = case reason of
    H.ResponseTimeout -> "timeout"
    H.ConnectionTimeout -> "timeout"
    H.ConnectionFailure inner -> maybe "other" Kit.ioKind (fromException inner)
    H.InternalException inner -> case fromException inner of
      Just io -> Kit.ioKind io
      Nothing -> maybe "other" (const "tls") (fromException inner :: Maybe TLS.TLSException)
    H.NoResponseDataReceived -> "closed"
    H.ConnectionClosed -> "closed"
    H.ResponseBodyTooShort _ _ -> "closed"
    H.IncompleteHeaders -> "closed"
    H.OverlongHeaders -> "limit"
    H.TooManyRedirects _ -> "limit"
    H.InvalidStatusLine _ -> "protocol"
    H.InvalidHeader _ -> "protocol"
    H.InvalidChunkHeaders -> "protocol"
    _ -> "other"
