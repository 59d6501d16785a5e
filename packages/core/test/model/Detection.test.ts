/**
 * Detections as values, as JSON, and as files that people write.
 */
import * as Detection from "@tidemark/core/model/Detection"
import * as Filter from "@tidemark/core/model/Filter"
import * as Problem from "@tidemark/core/model/Problem"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Detections from "../support/Detections.ts"
import * as Hostile from "../support/Hostile.ts"
import { holds, isCaught } from "../support/law.ts"

type Codec = Pick<typeof Detection, "encode" | "decode">

const roundTrip = ({ decode, encode }: Codec) =>
  fc.property(Detections.detection, (detection) => {
    const json = Result.getOrThrow(encode(detection))
    const read = JSON.parse(JSON.stringify(json)) as unknown
    assert.deepEqual(read, { ...json })
    assert.deepEqual(Result.getOrThrow(decode(read)), detection)
  })

/** Writes whole minutes only. */
const rounding: Codec = {
  decode: Detection.decode,
  encode: (detection) =>
    Detection.encode({
      ...detection,
      window: {
        ...detection.window,
        settle: Duration.minutes(Math.floor(Duration.toMinutes(detection.window.settle)))
      }
    })
}

describe("a detection", () => {
  it("is read from JSON as it was written", () => holds(roundTrip(Detection), 1_000))
  it("would not be, if its window were rounded", () => isCaught(roundTrip(rounding)))

  it("has defaults for all but what it is about", () => {
    const input = { version: 1, provider: "salesforce", object: "Account", mapping: { name: { path: "Name" } } }
    const detection = Detection.poll({ provider: "salesforce", object: "Account", mapping: { name: "Name" } })
    assert.deepEqual(Result.getOrThrow(Detection.decode(input)), detection)
    assert.deepEqual(Result.getOrThrow(Detection.encode(detection)), {
      ...input,
      cursor: "auto",
      mapping: { name: { path: "Name", transforms: [], presence: "Optional" } },
      filters: [],
      window: { settle: "5 minutes", first: "Everything" },
      leaves: "Keep",
      missingCursor: "Raise",
      unknownFields: "Ignore",
      epoch: 0
    })
  })
  it("made in code is written only within its bounds", () => {
    const deep = Array.from({ length: 20 }).reduce<Filter.Filter>((term) => Filter.not(term), Filter.isNull("a"))
    const endless: { operator: "not"; term: Filter.Filter } = { operator: "not", term: Filter.isNull("a") }
    endless.term = endless
    for (const filter of [deep, endless, Filter.eq("a b", 1), Filter.eq("a", "\ud800"), Filter.eq("a", Number.NaN)]) {
      const detection = Detection.poll({ provider: "p", object: "o", mapping: { a: "a" }, filters: [filter] })
      assert.ok(Result.isFailure(Detection.encode(detection)))
    }
  })
  it("keeps a name that is special to JavaScript, or refuses it", () => {
    const text = '{"version":1,"provider":"p","object":"o","mapping":{"constructor":{"path":"constructor"}}}'
    const read = Result.getOrThrow(Detection.decode(JSON.parse(text)))
    assert.deepEqual(Object.keys(read.mapping), ["constructor"])
    const polluted = Detection.decode(JSON.parse(text.replaceAll('"constructor":', '"__proto__":')))
    assert.ok(Result.isFailure(polluted))
    assert.deepEqual(polluted.failure.problems[0]?.path, ["mapping", "__proto__"])
  })
})

describe("a constant in a file", () => {
  const paths = (constant: unknown) => {
    const input = { version: 1, provider: "p", object: "o", mapping: { a: { constant } } }
    return Result.match(Detection.decode(input), {
      onFailure: ({ problems }) => problems.map(({ path }) => Problem.formatPath(path)),
      onSuccess: () => []
    })
  }
  it("is a text, a number, a boolean or null that can be stored and written again", () => {
    for (const one of ["", "x".repeat(4_000), 0, -1.5, 2 ** 53 - 1, true, null]) assert.deepEqual(paths(one), [])
    for (const one of ["x".repeat(4_001), "a\0", "\ud800", -0, 2 ** 53, [], {}, { a: 1 }])
      assert.deepEqual(paths(one), ["mapping.a.constant"])
  })
})

describe("a filter in a file", () => {
  const problems = (filters: unknown) => {
    const input = { version: 1, provider: "p", object: "o", mapping: { a: { path: "a" } }, filters }
    return Result.match(Detection.decode(input), {
      onFailure: ({ problems }) => problems.map(({ path }) => Problem.formatPath(path)),
      onSuccess: () => []
    })
  }
  const nested = (depth: number) =>
    Array.from({ length: depth - 1 }).reduce<object>((term) => ({ operator: "not", term }), Filter.isNull("a"))
  const wide = (size: number) => [{ operator: "or", terms: Array.from({ length: size - 1 }, () => Filter.isNull("a")) }]

  it("may be as deep and as large as the bounds say, and no more", () => {
    assert.deepEqual([problems([nested(16)]), problems([nested(17)])], [[], ["filters"]])
    assert.deepEqual([problems(wide(200)), problems(wide(201))], [[], ["filters"]])
    const listing = (size: number) => [
      Filter.isIn(
        "a",
        Array.from({ length: size }, (_, index) => index)
      )
    ]
    assert.deepEqual([problems(listing(200)), problems(listing(201))], [[], ["filters[0].values"]])
    const text = (size: number) => [Filter.eq("a", "x".repeat(size))]
    assert.deepEqual([problems(text(4_000)), problems(text(4_001))], [[], ["filters[0].value"]])
  })
  const refused: ReadonlyArray<readonly [name: string, value: unknown, path: string]> = [
    ["a number that lost digits", JSON.parse("9007199254740993"), "filters[0].value"],
    ["the empty text", "", "filters[0].value"],
    ["half of a surrogate pair", "\ud800", "filters[0].value"],
    ["a NUL", "a\0", "filters[0].value"],
    ["a decimal with an exponent", { decimal: "1e3" }, "filters[0].value.decimal"],
    ["a day that does not exist", { date: "2026-02-30" }, "filters[0].value.date"],
    ["an instant without an offset", { instant: "2026-05-01T00:00:00" }, "filters[0].value.instant"],
    ["an instant below the millisecond", { instant: "2026-05-01T00:00:00.1234Z" }, "filters[0].value.instant"],
    ["two kinds at once", { date: "2026-05-01", decimal: "1" }, "filters[0].value.date"],
    ["a list", [], "filters[0].value"]
  ]
  for (const [name, value, path] of refused)
    it(`does not compare with ${name}`, () =>
      assert.deepEqual(problems([{ operator: "eq", field: "a", value }]), [path]))
  it("does not order texts", () =>
    assert.deepEqual(problems([{ operator: "lt", field: "a", value: "x" }]), ["filters[0].value"]))
})

const file = (text: string) => Detection.decodeFile(JSON.parse(text))
const lines = (result: Result.Result<unknown, Detection.DetectionError>) =>
  Result.match(result, { onFailure: ({ message }) => message.split("\n"), onSuccess: () => [] })

describe("a file with mistakes", () => {
  it("is answered with all of them, each by its path, with what is there and what is allowed", () => {
    const input = {
      detections: {
        accounts: {
          version: 2,
          provider: "salesforce",
          object: "Account",
          mapping: {
            name: { path: "Full Name" },
            size: { pth: "Size" },
            kind: { path: "Kind", transforms: ["trimm"] }
          },
          filters: [
            { operator: "and", terms: [{ operator: "equals", field: "Type", value: 1 }] },
            { operator: "eq", field: "Type", value: {} }
          ],
          window: { settle: "5 minuets" },
          leaves: "keep",
          fitlers: []
        }
      }
    }
    const told = lines(Detection.decodeFile(input))
    const expected = [
      [/^detections\.accounts\.fitlers: is not known here; allowed: .* Did you mean filters\?$/],
      [/^detections\.accounts\.version: is 2, which is not 1, /],
      [/^detections\.accounts\.mapping\.name\.path: is "Full Name", which is not a field: /],
      [/^detections\.accounts\.mapping\.size\.pth: is not known here; .* Did you mean path\?$/],
      [/^detections\.accounts\.mapping\.size\.path: is missing$/],
      [/^detections\.accounts\.mapping\.kind\.transforms\[0\]: is "trimm", which is not one of trim, .* mean trim\?$/],
      [/^detections\.accounts\.filters\[0\]\.terms\[0\]\.operator: is "equals"; allowed: and, or, not, /],
      [/^detections\.accounts\.filters\[1\]\.value: is an empty object, which is not a text, a number, /],
      [/^detections\.accounts\.window\.settle: is "5 minuets", which is not a span /],
      [/^detections\.accounts\.leaves: is "keep", which is not one of Delete, Keep\. Did you mean Keep\?$/]
    ] as const
    for (const [index, [line]] of expected.entries()) assert.match(told[index] ?? "", line)
    assert.equal(told.length, expected.length)
  })
  it("is answered in bounded length, however many it has", () => {
    const mapping = Array.from({ length: 900 }, (_, index) => `"f${index}":{"path":"${"?".repeat(1_000)}"}`).join(",")
    const told = file(`{"detections":{"a":{"version":1,"provider":"p","object":"o","mapping":{${mapping}}}}}`)
    assert.ok(Result.isFailure(told))
    assert.equal(told.failure.problems.length, Problem.problemsMax)
    assert.equal(told.failure.message.split("\n").at(-1), "and 800 more problems")
    assert.ok(told.failure.message.length < 40_000)
  })
  it("is answered when it is nested without end, or larger than is read", () => {
    const depth = 100_000
    const deep = `{"detections":${'{"a":'.repeat(depth)}1${"}".repeat(depth)}}`
    assert.match(lines(file(deep))[0] ?? "", /nested more than 64 levels deep$/)
    const wide = { detections: { a: Array.from({ length: Problem.sizeMax }, () => 0) } }
    assert.match(lines(Detection.decodeFile(wide))[0] ?? "", /goes beyond 100000 values/)
  })
})

/** A valid detection with one thing replaced, added, or taken away somewhere. */
const spoilt = fc
  .tuple(Detections.detection, fc.array(fc.nat(20), { maxLength: 6 }), Hostile.json, Hostile.name, fc.nat(2))
  .map(([detection, steps, value, key, manner]) => {
    const json = JSON.parse(
      JSON.stringify({ detections: { a: Result.getOrThrow(Detection.encode(detection)) } })
    ) as object
    spoil(json as Record<string, unknown>, steps, value, key, manner)
    return json as unknown
  })

const spoil = (
  root: Record<string, unknown>,
  [step = 0, ...steps]: ReadonlyArray<number>,
  value: unknown,
  key: string,
  manner: number
): void => {
  const keys = Object.keys(root)
  const chosen = keys[step % Math.max(1, keys.length)]
  const below = chosen === undefined ? undefined : root[chosen]
  if (steps.length > 0 && typeof below === "object" && below !== null)
    return spoil(below as Record<string, unknown>, steps, value, key, manner)
  const place = manner === 1 || chosen === undefined ? key : chosen
  if (manner === 2 && !Array.isArray(root)) delete root[place]
  else if (!Array.isArray(root) || place === chosen)
    Object.defineProperty(root, place, { value, enumerable: true, configurable: true, writable: true })
}

/** Whether a path leads to something, or to a key that its parent lacks. */
const leads = (input: unknown, path: Problem.Path): boolean => {
  let value = input
  for (const [index, key] of path.entries()) {
    if (typeof value !== "object" || value === null) return false
    if (!Object.hasOwn(value, key)) return index === path.length - 1
    value = (value as Record<string | number, unknown>)[key]
  }
  return true
}

/** Whether a terminal shows a text as it is. */
const isPlain = (text: string): boolean =>
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  text.isWellFormed() && !/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/.test(text)

const names = (value: unknown): ReadonlyArray<string> =>
  typeof value !== "object" || value === null
    ? []
    : Object.entries(value).flatMap(([key, below]) => [
        ...((key === "field" || key === "path" || key === "object") && typeof below === "string" ? [below] : []),
        ...names(below)
      ])

type Read = (input: unknown) => Result.Result<Detection.File, { readonly problems: ReadonlyArray<Problem.Problem> }>

const answered = (read: Read, input: fc.Arbitrary<unknown>) =>
  fc.property(input, (input) => {
    const before = JSON.stringify(input)
    const result = read(input)
    assert.equal(JSON.stringify(input), before)
    if (Result.isFailure(result)) {
      assert.ok(result.failure.problems.length > 0)
      for (const { message, path } of result.failure.problems) {
        assert.ok(leads(input, path), `${Problem.formatPath(path)} ${message}`)
        assert.ok(isPlain(message + Problem.formatPath(path)), message)
      }
      return
    }
    for (const [name, detection] of Object.entries(result.success.detections)) {
      assert.match(name, /^[A-Za-z][A-Za-z0-9_]*$/)
      for (const text of [...names(detection), ...Object.keys(detection.mapping)])
        assert.ok(/^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*$/.test(text) && !text.includes("\n"), text)
    }
  })

/** Forgets where in the file it is. */
const lost: Read = (input) =>
  Result.mapError(Detection.decodeFile(input), ({ problems }) => ({
    problems: problems.map(({ message, path }) => ({ message, path: path.slice(1) }))
  }))

describe("any file", () => {
  it("that was spoilt is read, or answered with paths that lead into it", () =>
    holds(answered(Detection.decodeFile, spoilt), 2_000))
  it("of 10,000 hostile ones is answered so too, and no name of another form is accepted", () =>
    holds(
      answered(
        Detection.decodeFile,
        fc.oneof(
          Hostile.json,
          fc.record({ detections: Hostile.json }),
          fc.record({ detections: fc.record({ a: Hostile.json }) })
        )
      ),
      10_000
    ))
  it("would not be, if paths began one step too late", () => isCaught(answered(lost, spoilt)))
})
