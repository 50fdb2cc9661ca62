-- SPDX-License-Identifier: MIT
{-# LANGUAGE OverloadedStrings #-}

-- | What the adapters for Haskell clients share: plans from stdin, events out, and nothing else. No
-- retry, no mapping. Only exceptions for which the adapter has a kind, and those of the operating
-- system, end a request as failed; any other ends the process.
module AdapterKit
  ( Client (..)
  , Failure (..)
  , Plan (..)
  , Report
  , Request (..)
  , adapterMain
  , content
  , interim
  , ioKind
  , response
  , timer
  ) where

import Control.Concurrent (threadDelay)
import Control.Exception (SomeException, fromException, throwIO, try)
import Control.Monad (forM_, unless, when)
import qualified Crypto.Hash as Hash
import Data.Aeson (Value (..), object, (.=), (.:), (.:?), (.!=))
import qualified Data.Aeson as Json
import qualified Data.Aeson.Key as Key
import qualified Data.Aeson.KeyMap as Map
import Data.Aeson.Types (Pair, Parser, parseEither)
import qualified Data.ByteString as B
import qualified Data.ByteString.Base64 as Base64
import qualified Data.ByteString.Lazy as L
import Data.IORef
import Data.Maybe (fromMaybe, isJust, listToMaybe, mapMaybe)
import qualified Data.Text as T
import qualified Data.Text.Encoding as T
import Data.Time.Clock.POSIX (getPOSIXTime)
import qualified Data.Vector as V
import GHC.IO.Exception (IOErrorType (..), IOException (..))
import System.Environment (lookupEnv)
import System.IO
import System.Info (compilerVersion)
import Data.Version (showVersion)

data Plan = Plan
  { planId :: T.Text
  , planHttp :: T.Text
  , planTimers :: Map.KeyMap Value
  , caFile :: Maybe FilePath
  , proxy :: Maybe String
  , bodyLimit :: Int
  , planRequests :: [Request]
  }

data Request = Request
  { name :: T.Text
  , method :: B.ByteString
  , url :: String
  , headers :: [(B.ByteString, B.ByteString)]
  , body :: Maybe B.ByteString
  , pauses :: [(Int, Int)]
  , expectContinue :: Bool
  , start :: T.Text
  , notBeforeMs :: Double
  , timers :: Map.KeyMap Value
  }

-- | How a failure is told: the kind, and of kind "status" the status.
data Failure = Failure {failureKind :: T.Text, failureStatus :: Maybe Int, failureType :: T.Text}

data Client session = Client
  { clientName :: T.Text
  , clientVersion :: T.Text
  , clientStack :: [(T.Text, T.Text)]
  , clientCan :: [Pair] -- ^ what differs from a client that can do nothing
  , clientOpen :: Plan -> IO session -- ^ one fresh client object
  , clientClose :: session -> IO ()
  , clientSend :: session -> Request -> Report -> IO ()
  , clientFailure :: SomeException -> Maybe Failure -- ^ by the client's own types
  }

data Report = Report
  { reportPut :: T.Text -> [Pair] -> IO ()
  , reportPhase :: IORef (Maybe T.Text)
  , reportContent :: IORef (Maybe [B.ByteString]) -- ^ the last chunk first
  }

planKeys, requestKeys :: [T.Text]
planKeys = ["v", "plan", "http", "timers", "ca_file", "proxy", "body_limit", "requests"]
requestKeys =
  [ "name", "method", "url", "headers", "body_b64", "body_pause_ms", "expect_continue", "start"
  , "not_before_ms", "timers" ]

-- | Says hello, then plays the plans of stdin one at a time, until its end.
adapterMain :: Client session -> IO ()
adapterMain client = do
  path <- lookupEnv "INTERIMSPEC_OUT"
  out <- maybe (pure stdout) (`openFile` WriteMode) path
  let put pairs = do
        let mark = if isJust path then "" else "@interimspec "
        L.hPut out (mark <> Json.encode (object ("v" .= (1 :: Int) : pairs)) <> "\n")
        hFlush out
      ghc = ("ghc", T.pack (showVersion compilerVersion))
      layer (n, v) = object ["name" .= n, "version" .= v]
  put [ "event" .= ("hello" :: T.Text), "client" .= clientName client
      , "version" .= clientVersion client
      , "stack" .= map layer (clientStack client ++ [ghc]), "can" .= Object can ]
  loop put
 where
  can = Map.union (Map.fromList (clientCan client)) leastCan
  loop put = do
    ended <- isEOF
    unless ended $ do
      line <- B.getLine
      unless (B.null line) (play client can put line)
      loop put

leastCan :: Map.KeyMap Value
leastCan = Map.fromList
  [ "http" .= ["1.1" :: T.Text], "tls" .= False, "proxy" .= False, "timers" .= ([] :: [T.Text])
  , "second_request" .= ("pooled" :: T.Text), "not_before" .= True
  , "interim" .= ("none" :: T.Text), "phases" .= False, "expect_continue" .= False
  , "body_stream" .= False
  , "methods" .= T.words "GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND MKCOL COPY" ]

play :: Client session -> Map.KeyMap Value -> ([Pair] -> IO ()) -> B.ByteString -> IO ()
play client can put line = do
  (values, plan) <- either fail pure (Json.eitherDecodeStrict line >>= parseEither readPlan)
  let event what pairs = put ("event" .= (what :: T.Text) : "plan" .= planId plan : pairs)
  case unsupported can values plan of
    Just (what, value) -> event "unsupported" ["what" .= what, "value" .= value]
    Nothing -> do
      session <- clientOpen client plan
      begun <- nowMs
      forM_ (planRequests plan) $ \request -> do
        now <- nowMs
        let wait = begun + notBeforeMs request - now
        when (wait > 0) (threadDelay (ceiling (wait * 1000)))
        sendOne client can event plan session request
      clientClose client session
  event "done" []

sendOne
  :: Client session -> Map.KeyMap Value -> (T.Text -> [Pair] -> IO ()) -> Plan -> session -> Request
  -> IO ()
sendOne client can event plan session request = do
  phase <- newIORef (if Map.lookup "phases" can == Just (Bool True) then Just "head" else Nothing)
  chunks <- newIORef Nothing
  let event' what pairs = event what ("request" .= name request : pairs)
      report = Report event' phase chunks
  started <- nowMs
  result <- try (clientSend client session request report)
  failure <- case result of
    Right () -> pure Nothing
    Left raised -> case told raised of
      Just failure -> pure (Just (failure, T.pack (show (raised :: SomeException))))
      Nothing -> throwIO raised
  at <- nowMs
  octets <- fmap (B.concat . reverse) <$> readIORef chunks
  where' <- readIORef phase
  event' "end"
    [ "started" .= started, "at" .= at
    , "told" .= (maybe "ok" (const "failed") failure :: T.Text)
    , "body_b64" .= fmap (T.decodeLatin1 . Base64.encode . B.take (bodyLimit plan)) octets
    , "body_len" .= fmap B.length octets
    , "body_sha256" .= fmap (\o -> show (Hash.hash o :: Hash.Digest Hash.SHA256)) octets
    , "error" .= fmap (describe where') failure ]
 where
  told raised = case clientFailure client raised of
    Just failure -> Just failure
    Nothing -> ioFailure <$> fromException raised
  ioFailure raised = Failure (ioKind raised) Nothing "GHC.IO.Exception.IOException"
  describe where' (failure, message) = object $
    [ "kind" .= failureKind failure, "phase" .= where', "type" .= failureType failure
    , "message" .= T.take 2000 message ]
    ++ ["status" .= failureStatus failure | failureKind failure == "status"]

-- | The kind of what the operating system said.
ioKind :: IOException -> T.Text
ioKind raised
  | ioe_errno raised == Just 111 = "refused" -- ECONNREFUSED
  | ioe_errno raised `elem` [Just 104, Just 32] = "closed" -- ECONNRESET, EPIPE
  | otherwise = case ioe_type raised of
      EOF -> "closed"
      ResourceVanished -> "closed"
      TimeExpired -> "timeout"
      _ -> "other"

-- | The client handed over a head as the response.
response :: Report -> Int -> Maybe B.ByteString -> [(B.ByteString, B.ByteString)] -> IO ()
response report status reason fields = do
  at <- nowMs
  reportPut report "response"
    [ "at" .= at, "status" .= status
    , "reason" .= fmap T.decodeLatin1 reason, "fields" .= map fieldPair fields ]
  modifyIORef (reportPhase report) (fmap (const "body"))

-- | The client showed an interim response.
interim :: Report -> Int -> [(B.ByteString, B.ByteString)] -> IO ()
interim report status fields = do
  at <- nowMs
  reportPut report "interim"
    ["at" .= at, "status" .= status, "fields" .= map fieldPair fields]

fieldPair :: (B.ByteString, B.ByteString) -> [T.Text]
fieldPair (n, v) = [T.decodeLatin1 n, T.decodeLatin1 v]

-- | Content that the client handed over.
content :: Report -> B.ByteString -> IO ()
content report octets = modifyIORef' (reportContent report) (Just . (octets :) . fromMaybe [])

-- | The timer in ms, where it is to be set.
timer :: Plan -> Request -> Key.Key -> Maybe Int
timer plan request key = case Map.lookup key (Map.union (timers request) (planTimers plan)) of
  Just (Number ms) -> Just (round ms)
  _ -> Nothing

nowMs :: IO Double
nowMs = do
  now <- getPOSIXTime
  pure (fromIntegral (floor (now * 1e6) :: Integer) / 1000)

-- ---------------------------------------------------------------- reading a plan

readPlan :: Json.Object -> Parser (Json.Object, Plan)
readPlan values = do
  plan <- Plan <$> values .: "plan" <*> values .: "http" <*> values .:? "timers" .!= mempty
    <*> values .:? "ca_file" <*> values .:? "proxy" <*> values .:? "body_limit" .!= 65536
    <*> (values .: "requests" >>= mapM readRequest)
  pure (values, plan)

readRequest :: Json.Object -> Parser Request
readRequest values =
  Request <$> values .: "name" <*> (T.encodeUtf8 <$> values .: "method") <*> values .: "url"
    <*> (map octets <$> values .:? "headers" .!= [])
    <*> (fmap (Base64.decodeLenient . T.encodeUtf8) <$> values .:? "body_b64")
    <*> (fromMaybe [] <$> values .:? "body_pause_ms")
    <*> values .:? "expect_continue" .!= False
    <*> values .:? "start" .!= "after-previous"
    <*> values .:? "not_before_ms" .!= 0
    <*> values .:? "timers" .!= mempty
 where
  octets (n, v) = (T.encodeUtf8 n, T.encodeUtf8 v)

-- | The first thing in the plan that the client cannot do, and its value.
unsupported :: Map.KeyMap Value -> Json.Object -> Plan -> Maybe (T.Text, Value)
unsupported can values plan = listToMaybe (mapMaybe id (ofPlan ++ concatMap ofRequest (planRequests plan)))
 where
  ofPlan =
    [ unknown planKeys values
    , if Map.lookup "v" values == Just (Number 1) then Nothing else given "v"
    , if has "http" (planHttp plan) then Nothing else given "http"
    , if isJust (proxy plan) && not (able "proxy") then given "proxy" else Nothing
    ] ++ [unknown requestKeys r | Just (Array rs) <- [Map.lookup "requests" values], Object r <- V.toList rs]
  given key = Just (Key.toText key, fromMaybe Null (Map.lookup key values))
  unknown known object' = listToMaybe
    [(Key.toText key, value) | (key, value) <- Map.toList object', Key.toText key `notElem` known]
  able key = Map.lookup key can == Just (Bool True)
  has key word = case Map.lookup key can of
    Just (Array words') -> String word `elem` words'
    _ -> False
  ofRequest request =
    [ Just (Key.toText key, value)
    | (key, value) <- Map.toList (Map.union (timers request) (planTimers plan))
    , value /= Null, not (has "timers" (Key.toText key)) ]
    ++
    [ if has "methods" (T.decodeLatin1 (method request)) then Nothing
        else Just ("method", String (T.decodeLatin1 (method request)))
    , if take 6 (url request) == "https:" && not (able "tls") then Just ("tls", Bool True) else Nothing
    , if expectContinue request && not (able "expect_continue") then Just ("expect_continue", Bool True)
        else Nothing
    , if not (null (pauses request)) && not (able "body_stream" && isJust (body request))
        then Just ("body_pause_ms", Json.toJSON (pauses request)) else Nothing
    , if start request == "after-previous" then Nothing else Just ("start", String (start request))
    ]
