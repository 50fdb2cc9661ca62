// SPDX-License-Identifier: MIT
using System.Text;

namespace Interimspec
{
    // FIPS 180-4. .NET Core 2 and 3 have theirs from an OpenSSL of their own time only, which today's
    // machines no longer have.
    static class Sha256
    {
        static readonly uint[] Round = RootBits(64, 1.0 / 3.0);
        static readonly uint[] Start = RootBits(8, 0.5);

        // The first 32 bits of the fractions of the roots of the first primes.
        static uint[] RootBits(int count, double power)
        {
            var found = new uint[count];
            for (int prime = 2, n = 0; n < count; prime++)
            {
                bool isPrime = true;
                for (int d = 2; d * d <= prime; d++) isPrime &= prime % d != 0;
                if (!isPrime) continue;
                double root = System.Math.Pow(prime, power);
                found[n++] = (uint)((root - System.Math.Floor(root)) * 4294967296.0);
            }
            return found;
        }

        public static string Hex(byte[] octets)
        {
            var padded = new byte[(octets.Length + 72) / 64 * 64];
            octets.CopyTo(padded, 0);
            padded[octets.Length] = 0x80;
            for (int i = 0; i < 8; i++) padded[padded.Length - 1 - i] = (byte)((octets.LongLength * 8) >> (8 * i));
            var state = (uint[])Start.Clone();
            for (int at = 0; at < padded.Length; at += 64) Block(state, padded, at);
            var hex = new StringBuilder();
            foreach (uint word in state) hex.Append(word.ToString("x8"));
            return hex.ToString();
        }

        static uint Turn(uint word, int by) { return (word >> by) | (word << (32 - by)); }

        static void Block(uint[] state, byte[] octets, int at)
        {
            var w = new uint[64];
            for (int i = 0; i < 16; i++)
                w[i] = (uint)(octets[at + 4 * i] << 24 | octets[at + 4 * i + 1] << 16
                    | octets[at + 4 * i + 2] << 8 | octets[at + 4 * i + 3]);
            for (int i = 16; i < 64; i++)
                w[i] = w[i - 16] + (Turn(w[i - 15], 7) ^ Turn(w[i - 15], 18) ^ (w[i - 15] >> 3))
                    + w[i - 7] + (Turn(w[i - 2], 17) ^ Turn(w[i - 2], 19) ^ (w[i - 2] >> 10));
            var s = (uint[])state.Clone();
            for (int i = 0; i < 64; i++)
            {
                uint first = s[7] + (Turn(s[4], 6) ^ Turn(s[4], 11) ^ Turn(s[4], 25))
                    + ((s[4] & s[5]) ^ (~s[4] & s[6])) + Round[i] + w[i];
                uint second = (Turn(s[0], 2) ^ Turn(s[0], 13) ^ Turn(s[0], 22))
                    + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
                System.Array.Copy(s, 0, s, 1, 7);
                s[4] += first;
                s[0] = first + second;
            }
            for (int i = 0; i < 8; i++) state[i] += s[i];
        }
    }
}
