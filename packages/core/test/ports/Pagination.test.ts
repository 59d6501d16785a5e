/**
 * Page after page, and no circles.
 *
 * Guarantees: L06
 */
import * as Pagination from "@tidemark/core/ports/Pagination"
import { SourceError } from "@tidemark/core/ports/ChangeSource"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"

type Paginate = typeof Pagination.stream

/** A provider: what each token answers next. The first page is asked for without one. */
type Provider = (token: string | undefined) => string | undefined

/** The pages read, named by their tokens, how often the provider was asked, and why the read failed. */
const read = (paginate: Paginate, provider: Provider, pagesMax: number) => {
  const pages: Array<string> = []
  let asked = 0
  const stream = paginate({
    source: "test",
    pagesMax,
    ask: (token) =>
      Effect.suspend(() => {
        asked += 1
        // A circle that nobody breaks would never end here either.
        return asked > 50
          ? Effect.fail(new SourceError({ reason: "Malformed", source: "test", message: "asked without end" }))
          : Effect.succeed({ page: token ?? "first", next: provider(token) })
      })
  })
  const result = Effect.runSync(Effect.result(Stream.runForEach(stream, (page) => Effect.sync(() => pages.push(page)))))
  return { pages, asked, failure: Result.isFailure(result) ? result.failure : undefined }
}

const tokens = ["", "a", "b", "c", "d"] as const
const chain = fc.record({
  /** Which token each page answers; past the end there is none. */
  nexts: fc.array(fc.constantFrom(...tokens), { maxLength: 6 }),
  bound: fc.integer({ min: 1, max: 5 })
})

/** Pages answered by place, so a token may come again although another page was asked for. */
const advances = (paginate: Paginate) =>
  fc.property(chain, ({ bound, nexts }) => {
    let place = 0
    const { asked, failure, pages } = read(paginate, () => nexts[place++], bound)
    const repeat = nexts.findIndex((token, index) => nexts.indexOf(token) < index)
    const last = repeat < 0 ? nexts.length : repeat
    const isAllowed = repeat < 0 && nexts.length < bound
    assert.equal(failure?.reason, isAllowed ? undefined : "NotAdvancing")
    assert.equal(asked, Math.min(last + 1, bound))
    assert.deepEqual(pages, ["first", ...nexts].slice(0, isAllowed ? asked : asked - 1))
  })

const trusting: Paginate = ({ ask }) =>
  Stream.paginate(undefined as string | undefined, (token) =>
    Effect.map(
      ask(token),
      ({ next, page }) => [[page], next === undefined ? Option.none() : Option.some(next)] as const
    )
  )
/** Notices only a token that follows itself. */
const shortSighted: Paginate = (options) =>
  Stream.paginate(undefined as string | undefined, (token) =>
    Effect.flatMap(options.ask(token), ({ next, page }) =>
      next !== undefined && next === token
        ? Effect.fail(new SourceError({ reason: "NotAdvancing", source: options.source, message: "again" }))
        : Effect.succeed([[page], next === undefined ? Option.none() : Option.some(next)] as const)
    )
  )
/** Takes an empty token for the end. */
const falsy: Paginate = (options) =>
  Pagination.stream({
    ...options,
    ask: (token) => Effect.map(options.ask(token), (answer) => ({ ...answer, next: answer.next || undefined }))
  })

describe("Pagination", () => {
  it("L06 ends where the provider says so, and as NotAdvancing at a repeated token or the bound", () =>
    holds(advances(Pagination.stream), 1_000))
  it("L06 a read that trusts every token is caught", () => isCaught(advances(trusting)))
  it("L06 a read that notices only a token that follows itself is caught", () => isCaught(advances(shortSighted)))
  it("L06 a read that takes an empty token for the end is caught", () => isCaught(advances(falsy)))

  it("L06 a circle of two tokens ends", () => {
    const { asked, failure } = read(Pagination.stream, (token) => (token === "a" ? "b" : "a"), 40)
    assert.deepEqual([asked, failure?.reason], [3, "NotAdvancing"])
  })
  it("L06 endless new tokens end at the bound", () => {
    const { asked, failure } = read(Pagination.stream, (token) => `${token ?? ""}x`, 10)
    assert.deepEqual([asked, failure?.reason], [10, "NotAdvancing"])
    assert.match(failure?.message ?? "", /10 pages/)
  })
  it("asks for a page only when it is wanted", () => {
    let asked = 0
    const stream = Pagination.stream({
      source: "test",
      ask: () => Effect.sync(() => ({ page: (asked += 1), next: `${asked}` }))
    })
    assert.deepEqual(Effect.runSync(Stream.runCollect(Stream.take(stream, 2))), [1, 2])
    assert.equal(asked, 2)
  })
  it("can be run again, and then begins anew", () => {
    const stream = Pagination.stream({
      source: "test",
      ask: (token) => Effect.succeed({ page: token, next: token === undefined ? "a" : undefined })
    })
    const twice = Effect.all([Stream.runCollect(stream), Stream.runCollect(stream)])
    assert.deepEqual(Effect.runSync(twice), [
      [undefined, "a"],
      [undefined, "a"]
    ])
  })
  it("passes on why the provider could not be read", () => {
    const failing = Pagination.stream({ source: "test", ask: () => Effect.fail("offline" as const) })
    assert.equal(Effect.runSync(Effect.flip(Stream.runDrain(failing))), "offline")
  })
})
