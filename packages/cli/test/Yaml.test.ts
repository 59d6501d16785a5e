// Goal: a file people write is read as it stands, or refused with a line; and none takes long, or says two things.
import * as Result from "effect/Result"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Yaml from "../src/Yaml.ts"

const numRuns = Number(process.env["RUNS"] ?? 2_000)

const messageOf = (text: string): string =>
  Result.match(Yaml.parse(text), { onFailure: ({ message }) => message, onSuccess: () => "" })

describe("a YAML text", () => {
  it("that is JSON is read as it was written", () =>
    fc.assert(
      fc.property(
        fc.jsonValue({ stringUnit: "binary", maxDepth: 4 }),
        fc.constantFrom(undefined, 2, "\t"),
        (value, indent) => {
          const text = JSON.stringify(value, undefined, indent)
          const read = Yaml.parse(text)
          // A half surrogate pair is written as an escape, and is the same half again.
          assert.deepEqual(JSON.parse(JSON.stringify(Result.getOrThrow(read))), JSON.parse(text))
        }
      ),
      { numRuns }
    ))
  it("whatever it is, is read or refused with words", () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary", maxLength: 60 }),
          fc.string({
            unit: fc.constantFrom(
              "a",
              ":",
              " ",
              "-",
              "\n",
              "&",
              "*",
              "!",
              "{",
              "[",
              "]",
              "}",
              "'",
              '"',
              "#",
              "%",
              "|",
              ">",
              "?",
              ",",
              "\t"
            ),
            maxLength: 40
          })
        ),
        (text) => {
          const read = Yaml.parse(text)
          if (Result.isFailure(read)) assert.notEqual(read.failure.message, "")
          else assert.doesNotThrow(() => JSON.stringify(read.success))
        }
      ),
      { numRuns }
    ))
  it("says what people write", () =>
    assert.deepEqual(
      Result.getOrThrow(Yaml.parse("a: &x [1, 2.5]\nb: *x\nc: 2026-05-01\nd: yes\ne: ~\nf: true\n<<: 1\n")),
      {
        a: [1, 2.5],
        b: [1, 2.5],
        c: "2026-05-01",
        d: "yes",
        e: null,
        f: true,
        "<<": 1
      }
    ))
  it("has no key that is special to JavaScript", () => {
    const read = Result.getOrThrow(Yaml.parse("__proto__: { polluted: true }\nconstructor: 1")) as object
    assert.deepEqual(Object.keys(read), ["__proto__", "constructor"])
    assert.equal("polluted" in read, false)
  })

  const aliases = `a: &a 1\n${Array.from({ length: 200 }, (_, index) => `k${index}: *a`).join("\n")}`
  const laughs = [
    "a: &a [x, x, x]",
    ..."bcdefghij".split("").map((name, index) => {
      const before = "abcdefghij"[index]
      return `${name}: &${name} [*${before}, *${before}, *${before}]`
    })
  ].join("\n")
  it.each([
    ["a key twice", "a: 1\nb: 2\na: 3", /^the key "a" stands twice at line 3$/],
    ["a key twice in JSON", '{"a": 1, "a": 2}', /stands twice/],
    ["a key twice, written in two ways", '"a": 1\na: 2', /stands twice/],
    ["a tag", "a: !!str 1", /^a tag is not allowed at line 1$/],
    ["a tag of its own", "a: !thing {}", /tag/i],
    ["a tag without a name", "a: ! b", /tag/i],
    ["bytes", "a: !!binary aGk=", /tag/i],
    ["two documents", "a: 1\n---\na: 2", /multiple documents/],
    ["too many aliases", aliases, /more than 100 aliases at line 102/],
    ["aliases of aliases", laughs, /alias|values/i],
    ["an alias of what it is in", "a: &a\n  b: *a", /levels deep|alias/],
    ["an alias of nothing", "a: *b", /alias/i],
    ["a key that is no text", "? [a]\n: 1", /keys must be strings/],
    ["half a text", "a: 'b", /quote/],
    ["half a list", "a: [1", /line 1/],
    ["a depth nobody means", "[".repeat(100) + "]".repeat(100), /levels deep/],
    ["a depth nobody survives", "- ".repeat(3_000) + "a", /line 1|levels deep/],
    ["too much", `a: ${"x".repeat(Yaml.bytesMax)}`, /1048576 bytes/],
    ["too much, in bytes", `a: ${"é".repeat(Yaml.bytesMax / 2)}`, /1048576 bytes/]
  ])("S38 with %s is refused", (_, text, expected) => assert.match(messageOf(text), expected))
  it("S38 with as many keys as fit is read in time in proportion to its length", () => {
    const keys = (count: number) => Array.from({ length: count }, (_, index) => `k${index}: 1`).join("\n")
    assert.match(messageOf(`${keys(60_000)}\nk1: 2`), /"k1" stands twice/)
    assert.equal(Object.keys(Result.getOrThrow(Yaml.parse(keys(60_000))) as object).length, 60_000)
  })
})
