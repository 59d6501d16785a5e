/** Which addresses are public: forms that people and programs write, and the ranges bit by bit. */
import * as fc from "fast-check"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as net from "node:net"
import { describe, it } from "vitest"
import * as IpAddress from "../src/IpAddress.ts"

const isPublic = (text: string): boolean => {
  const address = IpAddress.parse(text)
  return address !== undefined && IpAddress.isPublic(address)
}

/** As a client names the host of `http://TEXT/`. */
const hostOf = (text: string): string | undefined => {
  const address = `http://${text.includes(":") ? `[${text}]` : text}/`
  return URL.canParse(address) ? new URL(address).hostname.replace(/^\[(.*)\]$/, "$1") : undefined
}

/** Forms of addresses that are not public. */
const inside = fs
  .readFileSync(new URL("support/addresses.txt", import.meta.url), "utf8")
  .trim()
  .split(/\s+/)

const outside = `
  1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255
  172.15.255.255 172.32.0.0 192.167.255.255 198.17.255.255 198.20.0.0 223.255.255.255
  2606:4700:4700::1111 2a00:1450:4001:810::200e ::ffff:1.1.1.1 64:ff9b::1.1.1.1
`
  .trim()
  .split(/\s+/)

const special = `
  0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
  192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24
  203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
`
  .trim()
  .split(/\s+/)

const none = [
  "",
  "localhost",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.4 ",
  "::1%eth0",
  "1::2::3",
  "12345::"
]

describe("addresses", () => {
  for (const text of inside) {
    it(`${text} is not public, as it stands and as a client names it`, () => {
      assert.ok(!isPublic(text))
      const host = hostOf(text)
      assert.ok(host === undefined || !isPublic(host), host ?? text)
    })
  }

  it("others are", () => {
    for (const text of outside) assert.ok(isPublic(text), text)
  })

  it("a text is an address exactly when a socket takes it for one, zones apart", () => {
    const part = fc.constantFrom("0", "1", "01", "ffff", "f", "10000", "255", "256", "", "::", "1.2.3.4", "7f")
    const texts = fc
      .record({ parts: fc.array(part, { maxLength: 9 }), by: fc.constantFrom(":", ".") })
      .map(({ by, parts }) => parts.join(by))
    fc.assert(
      fc.property(fc.oneof(texts, fc.ipV4(), fc.ipV6(), fc.constantFrom("", ...none)), (text) => {
        if (text.includes("%")) return assert.equal(IpAddress.parse(text), undefined)
        const family = net.isIP(text)
        assert.equal(IpAddress.parse(text)?._tag, family === 0 ? undefined : family === 4 ? "V4" : "V6")
      }),
      { numRuns: 3000 }
    )
  })

  it("a range is all of the addresses that begin with it, in IPv4, mapped, and through NAT64", () => {
    const ranges = new net.BlockList()
    for (const range of special) {
      const [address, length] = range.split("/")
      ranges.addSubnet(address!, Number(length))
    }
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 10, 18, 100, 127, 168, 169, 172, 192, 198, 203, 254))
    fc.assert(
      fc.property(fc.tuple(byte, byte, byte, byte), (bytes) => {
        const text = bytes.join(".")
        const expected = !ranges.check(text)
        for (const form of [text, `::ffff:${text}`, `64:ff9b::${text}`]) assert.equal(isPublic(form), expected, form)
      }),
      { numRuns: 3000 }
    )
  })

  it("this machine is known by every form of its addresses", () => {
    for (const text of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
      assert.ok(IpAddress.isLoopback(IpAddress.parse(text)!), text)
    for (const text of ["10.0.0.1", "::", "::2", "1.1.1.1"])
      assert.ok(!IpAddress.isLoopback(IpAddress.parse(text)!), text)
  })
})
