/**
 * How problems are worded, whatever a file holds.
 */
import * as Problem from "@tidemark/core/model/Problem"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds } from "../support/law.ts"

const Shape = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("circle"), radius: Schema.Finite }),
  Schema.Struct({ kind: Schema.Literal("square"), side: Schema.Finite })
]).annotate({ expected: "a shape" })
const Plain = Schema.Union([Schema.Struct({ near: Schema.String }), Schema.Struct({ far: Schema.String })])

const lines = <A, E>(schema: Schema.Codec<A, E>, input: unknown) =>
  Result.match(Problem.decode(schema, input), {
    onFailure: (problems) => Problem.format(problems).split("\n"),
    onSuccess: () => []
  })

describe("a union", () => {
  it("that is told apart by a key says what the key may be", () => {
    assert.deepEqual(lines(Shape, {}), ["kind: is missing; allowed: circle, square"])
    assert.deepEqual(lines(Shape, { kind: "cirle" }), [
      'kind: is "cirle"; allowed: circle, square. Did you mean circle?'
    ])
    assert.deepEqual(lines(Shape, { kind: 1 }), ["kind: is 1; allowed: circle, square."])
    assert.deepEqual(lines(Shape, 1), ["is 1, which is not a shape"])
  })
  it("speaks of the member that was meant, and of no other", () => {
    assert.deepEqual(lines(Shape, { kind: "square", side: "1", radius: 1 }), [
      "radius: is not known here; allowed: kind, side.",
      'side: is "1", which is not a number'
    ])
    assert.deepEqual(lines(Plain, { far: 1 }), ["far: is 1, which is not a text"])
  })
})

describe("a path", () => {
  it("is written as a person would", () =>
    assert.equal(
      Problem.formatPath(["detections", "a b", "filters", 0, "__proto__"]),
      'detections["a b"].filters[0]["__proto__"]'
    ))
})

describe("a text of a file", () => {
  it("is shown in part, in characters that do nothing to a terminal", () =>
    holds(
      fc.property(
        fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("\u001b[2J", "\u202e", "\ud800", "x".repeat(10_000))),
        (text) => {
          const quoted = Problem.quote(text)
          assert.ok(quoted.length <= 400)
          assert.match(quoted, /^[^\p{Cc}\p{Cs}\u2028-\u202f\u2066-\u2069\ufeff]*$/u)
        }
      ),
      2_000
    ))
})
