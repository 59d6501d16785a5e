// Goal: any text is read or refused, soon, and nothing in it surprises.
// Method: a corpus of hostile YAML, and random texts made of its marks; what is refused is compared with a list.
import * as ConfigurationText from "@tidemark/cli/ConfigurationText"
import * as Problem from "@tidemark/core/model/Problem"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"

const many = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join("\n")

const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"]
  .concat([..."bcdefghi"].map((name, index) => `${name}: &${name} [${`*${"abcdefghi"[index]},`.repeat(9)}]`))
  .join("\n")

/** What each is refused for. */
const hostile: ReadonlyArray<readonly [name: string, text: string, expected: RegExp]> = [
  ["a text of more than a mebibyte", "a".repeat(ConfigurationText.sizeMax + 1), /longer than/],
  ["more parts than are read", many(90_000, (i) => `k${i}: 1`), /parts/],
  ["brackets without an end", "[".repeat(1_000_000), /parts/],
  ["deep brackets", `${"[".repeat(5_000)}${"]".repeat(5_000)}`, /deeply/],
  ["brackets a little too deep", `${"[".repeat(66)}${"]".repeat(66)}`, /deep/],
  ["deep dashes", "- ".repeat(20_000), /deeply/],
  ["deep indentation", many(200, (i) => `${" ".repeat(i)}a:`), /deep/],
  ["a bomb of references", bomb, /100000 values/],
  ["more references than are read", `a: &a x\nb:\n${many(200, () => "- *a")}`, /references/],
  ["a reference to itself", "a: &a [*a]", /no anchor/],
  ["a reference to nothing", "a: *nope", /no anchor/],
  ["a tag", "a: !!str 5", /tags/],
  ["a tag of somebody's own", "a: !secret x", /tags/],
  ["a tag on the whole", "!!map {a: 1}", /tags/],
  ["a tag on a key", "!!str a: 1", /key/],
  ["a tag for bytes", "a: !!binary aGk=", /tags/],
  ["another YAML", "%YAML 1.1\n---\na: yes", /directives/],
  ["a handle for tags", "%TAG !e! tag:example.com,2026:\n---\na: 1", /directives/],
  ["S38 a key twice", "a: 1\nb: 2\na: 3", /^a: line 3, column 1: the key is here already/],
  ["S38 a key twice in brackets", "x: {a: 1, a: 2}", /^x\.a: /],
  ["an object as a key", "{a: 1}: 2", /key must be a text/],
  ["two documents", "a: 1\n---\nb: 2", /second document/],
  ["tabs as indentation", "a:\n\tb: 1", /tab/],
  ["many errors", "]\n".repeat(20_000), /line 1, column 1/]
]

const parse = ConfigurationText.parse

const messageOf = (text: string): string =>
  Result.match(parse(text), { onSuccess: (value) => `read: ${JSON.stringify(value)}`, onFailure: Problem.format })

describe("configuration text", () => {
  // What is not bounded takes minutes, and the test does not end.
  it.each(hostile)("%s is refused", (_, text, expected) => {
    assert.match(messageOf(text), expected)
  })

  it.each(["", "\n", "# nothing"])("%j is an object without keys", (text) =>
    assert.deepEqual(Result.getOrThrow(parse(text)), {})
  )

  it("keys that are special to JavaScript are keys, and change no prototype", () => {
    const value = Result.getOrThrow(parse("__proto__: {polluted: true}\nconstructor: {prototype: {polluted: true}}"))
    assert.deepEqual(Object.keys(value as object), ["__proto__", "constructor"])
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.equal(Reflect.get({}, "polluted"), undefined)
  })

  it("merge keys are keys like others, and words of an older YAML are texts", () => {
    assert.deepEqual(Result.getOrThrow(parse("a: &a {x: 1}\nb: {<<: *a}\nc: yes\nd: 12:30:00\ne: 2026-05-01")), {
      a: { x: 1 },
      b: { "<<": { x: 1 } },
      c: "yes",
      d: "12:30:00",
      e: "2026-05-01"
    })
  })

  it("any JSON text, in any indentation, is the value that it is for JSON", () => {
    // JSON text of a value that YAML has too: keys below its bound of 1024 characters, texts of whole code points.
    const value = fc.jsonValue({ maxDepth: 4, stringUnit: "grapheme-ascii" }).filter((value) => value !== null)
    const indentation = fc.constantFrom<string | number>("", 2, "\t")
    fc.assert(
      fc.property(value, indentation, (value, space) => {
        const text = JSON.stringify(value, null, space)
        assert.deepEqual(Result.getOrThrow(parse(text)), JSON.parse(text))
      })
    )
  })

  it("any text is read or has a problem, and what is read is a tree of JSON", () => {
    const marks = [
      "- ",
      ": ",
      "? ",
      "[",
      "]",
      "{",
      "}",
      ",",
      "&a ",
      "*a",
      "!t ",
      "|",
      ">",
      "'",
      '"',
      "#",
      "%",
      "---",
      "...",
      "<<"
    ]
    const part = fc.oneof(
      fc.constantFrom(
        ...marks,
        "\n",
        "\n  ",
        "\t",
        "\r",
        "a",
        "b: 1",
        "\\",
        "\0",
        "\ufeff",
        "\ud800",
        "__proto__",
        "@",
        "`"
      ),
      fc.string({ maxLength: 4, unit: "binary" })
    )
    const text = fc.array(part, { maxLength: 30 }).map((parts) => parts.join(""))
    fc.assert(
      fc.property(text, (text) =>
        Result.match(parse(text), {
          onFailure: (problems) => assert.ok(problems.length > 0 && problems.every(({ message }) => message !== "")),
          onSuccess: (value) => assert.equal(Problem.excessOf(value), undefined)
        })
      ),
      { numRuns: 3000 }
    )
  })
})
