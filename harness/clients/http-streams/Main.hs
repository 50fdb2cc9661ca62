-- SPDX-License-Identifier: MIT
{-# LANGUAGE OverloadedStrings #-}

-- | http-streams: one connection for the requests of a plan, a new one after a failure or where the
-- server announced the end of it.
module Main (main) where

import qualified AdapterKit as Kit
import Control.Exception (SomeException, fromException, onException)
import Data.Aeson ((.=))
import qualified Data.ByteString as B
import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as C
import Data.IORef
import qualified Data.Text as T
import Network.Http.Client
import Network.Http.Internal (retrieveHeaders)
import Network.URI (URI (..), URIAuth (..), parseURI)
import Network.Http.Inconvenience (HttpClientError)
import qualified System.IO.Streams as Streams
import System.IO.Streams.Attoparsec (ParseException)
import System.IO.Streams.ByteString (ReadTooShortException)

main :: IO ()
main = Kit.adapterMain Kit.Client
  { Kit.clientName = "http-streams"
  , Kit.clientVersion = T.pack VERSION_http_streams
  , Kit.clientStack = [("http-common", T.pack VERSION_http_common), ("io-streams", T.pack VERSION_io_streams)]
  , Kit.clientCan = ["phases" .= True]
  , Kit.clientOpen = const (newIORef Nothing)
  , Kit.clientClose = \kept -> readIORef kept >>= mapM_ closeConnection
  , Kit.clientSend = send
  , Kit.clientFailure = failure
  }

send :: IORef (Maybe Connection) -> Kit.Request -> Kit.Report -> IO ()
send kept request report = do
  uri <- maybe (fail ("no URL: " ++ Kit.url request)) pure (parseURI (Kit.url request))
  authority <- maybe (fail ("no host: " ++ Kit.url request)) pure (uriAuthority uri)
  let port = if null (uriPort authority) then 80 else read (drop 1 (uriPort authority))
      open = openConnection (C.pack (uriRegName authority)) port
  connection <- readIORef kept >>= maybe open pure
  writeIORef kept (Just connection)
  exchange connection (C.pack (uriPath uri ++ uriQuery uri)) `onException` do
    writeIORef kept Nothing
    closeConnection connection
 where
  exchange connection target = do
    let message = buildRequest1 $ do
          http (methodOf (Kit.method request)) target
          mapM_ (uncurry setHeader) (Kit.headers request)
          mapM_ (setContentLength . fromIntegral . B.length) (Kit.body request)
    sendRequest connection message $ case Kit.body request of
      Nothing -> emptyBody
      Just octets -> \out -> Streams.write (Just (Builder.byteString octets)) out
    receiveResponse connection $ \answer content -> do
      Kit.response report (getStatusCode answer) (Just (getStatusMessage answer))
        (retrieveHeaders (getHeaders answer))
      Kit.content report B.empty
      Streams.mapM_ (Kit.content report) content >>= Streams.skipToEof

-- | Read knows the methods with constructors of their own.
methodOf :: B.ByteString -> Method
methodOf word = case reads (C.unpack word) of
  [(known, "")] -> known
  _ -> Method word

failure :: SomeException -> Maybe Kit.Failure
failure raised
  | Just short <- fromException raised = told "closed" "ReadTooShortException" (short :: ReadTooShortException)
  | Just wrong <- fromException raised = told "protocol" "ParseException" (wrong :: ParseException)
  | Just status <- fromException raised = told "other" "HttpClientError" (status :: HttpClientError)
  | otherwise = Nothing
 where
  told kind name _ = Just (Kit.Failure kind Nothing name)
