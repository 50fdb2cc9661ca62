// SPDX-License-Identifier: MIT
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Interimspec
{
    // Enough JSON for plans and events: no library for it is on every runtime from .NET Core 2.1 and
    // Mono to today's. Objects are dictionaries, arrays lists, numbers doubles.
    static class Json
    {
        public static object Read(string text)
        {
            int at = 0;
            object value = ReadValue(text, ref at);
            SkipSpace(text, ref at);
            if (at != text.Length) throw new System.FormatException("a plan with something after its end");
            return value;
        }

        static void SkipSpace(string text, ref int at)
        {
            while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
        }

        static object ReadValue(string text, ref int at)
        {
            SkipSpace(text, ref at);
            switch (text[at])
            {
                case '{': return ReadObject(text, ref at);
                case '[': return ReadArray(text, ref at);
                case '"': return ReadString(text, ref at);
                default: return ReadWord(text, ref at);
            }
        }

        static object ReadWord(string text, ref int at)
        {
            int start = at;
            while (at < text.Length && ",]} \t\r\n".IndexOf(text[at]) < 0) at++;
            string word = text.Substring(start, at - start);
            if (word == "null") return null;
            if (word == "true") return true;
            if (word == "false") return false;
            return double.Parse(word, CultureInfo.InvariantCulture);
        }

        static Dictionary<string, object> ReadObject(string text, ref int at)
        {
            var found = new Dictionary<string, object>();
            for (at++; !Ends(text, ref at, '}');)
            {
                string key = ReadString(text, ref at);
                SkipSpace(text, ref at);
                if (text[at++] != ':') throw new System.FormatException("a plan with a key but no value");
                found[key] = ReadValue(text, ref at);
            }
            return found;
        }

        static List<object> ReadArray(string text, ref int at)
        {
            var found = new List<object>();
            for (at++; !Ends(text, ref at, ']');) found.Add(ReadValue(text, ref at));
            return found;
        }

        // Whether the object or array ends here; passes the comma where it does not.
        static bool Ends(string text, ref int at, char end)
        {
            SkipSpace(text, ref at);
            if (text[at] == ',') { at++; SkipSpace(text, ref at); }
            if (text[at] != end) return false;
            at++;
            return true;
        }

        static string ReadString(string text, ref int at)
        {
            var found = new StringBuilder();
            for (at++; text[at] != '"'; at++)
            {
                if (text[at] != '\\') { found.Append(text[at]); continue; }
                char escaped = text[++at];
                if (escaped == 'u')
                {
                    found.Append((char)int.Parse(text.Substring(at + 1, 4), NumberStyles.HexNumber));
                    at += 4;
                }
                else
                {
                    int known = "bfnrt".IndexOf(escaped);
                    found.Append(known < 0 ? escaped : "\b\f\n\r\t"[known]);
                }
            }
            at++;
            return found.ToString();
        }

        // Only ASCII leaves, so that no encoding can spoil a line.
        public static void Write(object value, StringBuilder into)
        {
            if (value == null) into.Append("null");
            else if (value is bool) into.Append((bool)value ? "true" : "false");
            else if (value is string) WriteString((string)value, into);
            else if (value is IDictionary<string, object>) WriteObject((IDictionary<string, object>)value, into);
            else if (value is IEnumerable) WriteArray((IEnumerable)value, into);
            else into.Append(System.Convert.ToString(value, CultureInfo.InvariantCulture));
        }

        static void WriteObject(IDictionary<string, object> values, StringBuilder into)
        {
            char before = '{';
            foreach (var pair in values)
            {
                into.Append(before);
                before = ',';
                WriteString(pair.Key, into);
                into.Append(':');
                Write(pair.Value, into);
            }
            into.Append(before == '{' ? "{}" : "}");
        }

        static void WriteArray(IEnumerable values, StringBuilder into)
        {
            string before = "";
            into.Append('[');
            foreach (object value in values)
            {
                into.Append(before);
                before = ",";
                Write(value, into);
            }
            into.Append(']');
        }

        static void WriteString(string text, StringBuilder into)
        {
            into.Append('"');
            foreach (char c in text)
            {
                if (c == '"' || c == '\\') into.Append('\\').Append(c);
                else if (c >= ' ' && c < 127) into.Append(c);
                else into.Append("\\u").Append(((int)c).ToString("x4"));
            }
            into.Append('"');
        }
    }
}
