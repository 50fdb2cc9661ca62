{ SPDX-License-Identifier: MIT }

{ fphttpclient: a TFPHTTPClient for each plan, its Get, Post, Put, Delete and Options for the methods
  of those names, and HTTPMethod for the others. }
program adapter;

{$mode objfpc}{$H+}

uses
  Classes, SysUtils, ssockets, fphttpclient;

var
  Client: TFPHTTPClient;
  Keep, AnyStatus: Boolean;

procedure Say(const Line: String);
begin
  WriteLn('@', Line);
  Flush(Output);
end;

function FromHex(const Digits: String): TStream;
begin
  Result := TMemoryStream.Create;
  Result.Size := Length(Digits) div 2;
  if Digits <> '' then
    HexToBin(PChar(Digits), TMemoryStream(Result).Memory, Result.Size);
end;

function ToHex(Content: TMemoryStream): String;
begin
  SetLength(Result, Content.Size * 2);
  if Content.Size > 0 then
    BinToHex(PChar(Content.Memory), PChar(Result), Content.Size);
end;

procedure Open(Facts: TStrings);
var
  Word: String;
begin
  Client := TFPHTTPClient.Create(nil);
  if Keep then
    Client.KeepConnection := True;
  Word := Facts.Values['proxy'];
  if Word <> '' then
  begin
    Delete(Word, 1, Length('http://'));
    Client.Proxy.Host := Copy(Word, 1, Pos(':', Word) - 1);
    Client.Proxy.Port := StrToInt(Copy(Word, Pos(':', Word) + 1, Length(Word)));
  end;
end;

procedure Call(const Method, Url: String; Content: TStream);
begin
  if AnyStatus then
    Client.HTTPMethod(Method, Url, Content, [])
  else
    case Method of
      'GET': Client.Get(Url, Content);
      'POST': Client.Post(Url, Content);
      'PUT': Client.Put(Url, Content);
      'DELETE': Client.Delete(Url, Content);
      'OPTIONS': Client.Options(Url, Content);
    else
      Client.HTTPMethod(Method, Url, Content, []);
    end;
end;

procedure TellHead;
var
  Field: String;
begin
  for Field in Client.ResponseHeaders do
    Say('field ' + Field);
  Say('response ' + IntToStr(Client.ResponseStatusCode) + ' ' + Client.ResponseStatusText);
end;

function Kind(Error: Exception): String;
begin
  Result := 'other'; { reading has one exception for all that goes wrong }
  if Error is ESocketError then
    case ESocketError(Error).Code of
      seConnectTimeOut, seIOTimeOut: Result := 'timeout';
      seConnectFailed: Result := 'refused';
    end
  else if Error is EHTTPClient then
    if Pos('Unexpected response', Error.Message) = 1 then
      Result := 'status'
    else if Pos('Error reading', Error.Message) <> 1 then
      Result := 'protocol';
end;

procedure Send(Facts, Fields: TStrings);
var
  Content: TMemoryStream;
  Field: String;
begin
  Client.RequestHeaders.Clear;
  Client.RequestHeaders.AddStrings(Fields);
  if Facts.IndexOfName('content') >= 0 then
    Client.RequestBody := FromHex(Facts.Values['content']);
  if Facts.Values['read_ms'] <> '' then
    Client.IOTimeout := StrToInt(Facts.Values['read_ms']);
  Content := TMemoryStream.Create;
  try
    try
      Call(Facts.Values['method'], Facts.Values['url'], Content);
      TellHead;
      Say('content ' + ToHex(Content));
      Say('ok');
    except
      on Error: Exception do
      begin
        if not ((Error is EHTTPClient) or (Error is ESocketError) or (Error is EStreamError)) then
          raise;
        if Content.Size > 0 then
          Say('content ' + ToHex(Content));
        if Client.ResponseStatusCode > 0 then
          Say('status ' + IntToStr(Client.ResponseStatusCode));
        Say('failed ' + Kind(Error) + ' ' + Error.ClassName + ' ' + Error.Message);
      end;
    end;
  finally
    Content.Free;
    Client.RequestBody.Free;
    Client.RequestBody := nil;
  end;
end;

procedure Play;
var
  Verb, Line: String;
  Facts, Fields: TStringList;
begin
  Facts := TStringList.Create;
  Facts.NameValueSeparator := ' ';
  Fields := TStringList.Create;
  while not EOF do
  begin
    ReadLn(Verb);
    Facts.Clear;
    Fields.Clear;
    repeat
      ReadLn(Line);
      if Pos('field ', Line) = 1 then
        Fields.Add(Copy(Line, Length('field ') + 1, Length(Line)))
      else
        Facts.Add(Line);
    until Line = '';
    case Verb of
      'open': Open(Facts);
      'request': Send(Facts, Fields);
      'close':
      begin
        Client.Free;
        Say('closed');
      end;
    end;
  end;
end;

begin
  AnyStatus := ParamStr(1) = 'any-status';
  Keep := ParamStr(1) = 'keep-connection';
  Say('version ' + {$I %FPCVERSION%});
  Say('ready');
  Play;
end.
