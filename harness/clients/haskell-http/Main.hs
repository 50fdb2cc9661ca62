-- SPDX-License-Identifier: MIT
{-# LANGUAGE OverloadedStrings #-}

-- | The package HTTP: simpleHTTP, which opens a connection for each request and closes it.
module Main (main) where

import qualified AdapterKit as Kit
import Control.Exception (ErrorCall, Exception, evaluate, fromException, throwIO, try)
import Data.Aeson ((.=))
import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import qualified Data.Text as T
import Network.HTTP
import Network.Stream (ConnError (..))
import Network.URI (parseURI)

-- | What simpleHTTP returns in place of a response.
newtype Told = Told ConnError deriving Show

instance Exception Told

main :: IO ()
main = Kit.adapterMain Kit.Client
  { Kit.clientName = "haskell-http"
  , Kit.clientVersion = T.pack VERSION_HTTP
  , Kit.clientStack = []
  , Kit.clientCan = ["second_request" .= ("new-connection" :: T.Text)]
  , Kit.clientOpen = const (pure ())
  , Kit.clientClose = pure
  , Kit.clientSend = const send
  , Kit.clientFailure = fmap failure . fromException
  }

send :: Kit.Request -> Kit.Report -> IO ()
send request report = do
  uri <- maybe (fail ("no URL: " ++ Kit.url request)) pure (parseURI (Kit.url request))
  let content = maybe B.empty id (Kit.body request)
      size = [Header HdrContentLength (show (B.length content)) | Just _ <- [Kit.body request]]
      given = [Header (nameOf (C.unpack n)) (C.unpack v) | (n, v) <- Kit.headers request]
      message = Request uri (methodOf (C.unpack (Kit.method request))) (size ++ given) content
  simpleHTTP message >>= either failed told
 where
  -- What ErrorMisc says cannot always be evaluated, which must not be taken for a failure of its own.
  failed raised = do
    shown <- try (evaluate (length (show raised)))
    throwIO (Told (either (\e -> ErrorMisc (takeWhile (/= '\n') (show (e :: ErrorCall)))) (const raised) shown))
  told answer = do
    let (a, b, c) = rspCode answer
        pair (Header n v) = (C.pack (show n), C.pack v)
    Kit.response report (100 * a + 10 * b + c) (Just (C.pack (rspReason answer)))
      (map pair (rspHeaders answer))
    Kit.content report (rspBody answer)
  methodOf word = case word of
    "GET" -> GET
    "HEAD" -> HEAD
    "POST" -> POST
    "PUT" -> PUT
    "DELETE" -> DELETE
    "OPTIONS" -> OPTIONS
    _ -> Custom word
  nameOf word = case lookup word headerMap of
    Just known -> known
    Nothing -> HdrCustom word
  headerMap = [("Content-Type", HdrContentType), ("Accept", HdrAccept), ("Expect", HdrExpect)]

failure :: Told -> Kit.Failure
failure (Told raised) = case raised of
  ErrorReset -> Kit.Failure "closed" Nothing "ErrorReset"
  ErrorClosed -> Kit.Failure "closed" Nothing "ErrorClosed"
  ErrorParse _ -> Kit.Failure "protocol" Nothing "ErrorParse"
  ErrorMisc _ -> Kit.Failure "other" Nothing "ErrorMisc"
