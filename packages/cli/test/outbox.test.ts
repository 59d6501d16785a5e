// Goal: an operator is told of events and their consumers in words that stay as they are, and nothing that is stored does
// anything to a terminal.
// Method: the commands in this process over a store in memory, at a time that stands still; what is shown is written down
// here, or hostile. Guarantees: C06, C12, C13.
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import type * as Event from "@tidemark/core/model/Event"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as World from "./support/World.ts"

interface Words {
  readonly consumer: string
  readonly type: string
  readonly key: string
  readonly error: string
}

/** Two events of one key for a consumer: the first one of two attempts fails; an event of another key is given up. */
const fill = ({ context, subscription }: World.World, { consumer, error, key, type }: Words) =>
  Effect.gen(function* () {
    const { tenant } = subscription
    const consumers = yield* Consumers.Consumers
    const deliveries = yield* Deliveries.Deliveries
    yield* consumers.register({ name: consumer, types: [type], start: "Beginning" })
    yield* consumers.activate(consumer, 10)
    const event = (number: number, key: string): Event.Event => {
      const id = `${key}/${number}`
      const rest = { direction: "change", version: 1, revision: number, payload: { text: error } } as const
      return { id, tenant, type, entity: "invoice", key, ...rest }
    }
    const events = [event(1, key), event(2, key), event(1, `${key}!`)] as const
    const outbox = yield* Outbox.Outbox
    yield* (yield* UnitOfWork.UnitOfWork).transact(tenant, outbox.append(tenant, events))
    const hosted = [{ consumer, versions: { [type]: 1 } }] as const
    const [first, dead] = yield* deliveries.claim({ hosted, direction: "change", limit: 9, lease: Duration.minutes(1) })
    yield* deliveries.settle([
      { held: first!, verdict: { _tag: "Retry", after: Duration.hours(1), error } },
      { held: dead!, verdict: { _tag: "DeadLetter", error } }
    ])
  }).pipe(Effect.provideContext(context), Effect.orDie)

const plain: Words = { consumer: "mail", type: "invoice_paid", key: "a", error: "Error: no such address\nat line 7" }

const operated = (body: (world: World.World) => Effect.Effect<void>) => World.operated(body, [], {})

const lines = (...texts: ReadonlyArray<string>) => texts.map((text) => `${text}\n`).join("")

describe("outbox", () => {
  it("tells what is owed, what fails and what is dead", () =>
    operated(
      Effect.fnUntraced(function* (world) {
        const nobody =
          "Nobody gets events here: no consumer was ever registered. A relay registers those it declares.\n"
        assert.equal((yield* world.run("outbox", "stats")).out, nobody)
        assert.equal((yield* world.run("outbox", "dead")).out, "Nothing is dead.\n")
        yield* fill(world, plain)
        assert.equal(
          (yield* world.run("outbox", "stats")).out,
          lines(
            "CONSUMER  STATE   WAITING  DUE  LEASED  RETRYING  BEHIND  FAILING  DEAD  LAG",
            "mail      Active        2    0       0         1       1        1     1",
            "all                     2    0       0         1       1        1     1",
            "outbox dead --failing tells what fails, and when it is tried again.",
            "outbox dead tells what was given up; outbox redrive delivers it again."
          )
        )
        assert.equal(
          (yield* world.run("outbox", "dead")).out,
          lines(
            "DEAD LETTER  CONSUMER  TYPE          KEY         REVISION  TRIES  DIED                  ERROR",
            "letter-1     mail      invoice_paid  invoice a!         1      1  2026-05-01T12:00:00Z  Error: no such address"
          )
        )
        assert.equal(
          (yield* world.run("outbox", "dead", "--failing")).out,
          lines(
            "DELIVERY  CONSUMER  TYPE          KEY        REVISION  TRIES  NEXT                  ERROR",
            "mail/1    mail      invoice_paid  invoice a         1      1  2026-05-01T13:00:00Z  Error: no such address"
          )
        )
        assert.equal(
          (yield* world.run("outbox", "dead", "--id", "letter-1")).out,
          lines(
            "invoice_paid for mail",
            "  dead letter  letter-1, handed out once, given up 2026-05-01T12:00:00Z",
            "  event        a!/1",
            "  tenant       default",
            "  key          invoice a!, revision 1",
            "  error        Error: no such address\\u{a}at line 7",
            "  next         mend the cause, then outbox redrive --id letter-1; or outbox skip letter-1 --reason REASON",
            "  payload",
            "    {",
            '      "text": "Error: no such address\\nat line 7"',
            "    }"
          )
        )
      })
    ))

  it("tells who changed what, and when", () =>
    operated(
      Effect.fnUntraced(function* (world) {
        yield* fill(world, plain)
        const told = (...args: ReadonlyArray<string>) =>
          Effect.map(world.run("outbox", ...args), ({ code, err, out }) => `${code} ${out}${err}`)
        assert.equal(
          yield* told("pause", "mail"),
          `0 ${lines(
            "mail is paused, by ann@desk at 2026-05-01T12:00:00Z.",
            "Events go on being written for it, and wait. What a handler has by now, it ends. outbox resume mail hands them out again."
          )}`
        )
        assert.equal(
          yield* told("consumers"),
          `0 ${lines(
            "CONSUMER  STATE   OWED  SINCE                 CHANGED               BY        TYPES",
            "mail      Paused     3  2026-05-01T12:00:00Z  2026-05-01T12:00:00Z  ann@desk  invoice_paid"
          )}`
        )
        assert.equal(
          yield* told("retire", "mail"),
          "2 2 deliveries wait for mail, and nobody would handle them. Let a relay that declares it handle them; or, where another name handles them now, outbox rename mail NEW; or give them up: outbox retire mail --give-up."
        )
        assert.match(
          yield* told("resume", "mail", "--by", "bob"),
          /^0 mail is active, by bob at 2026-05-01T12:00:00Z\.\n$/
        )
        assert.match(
          yield* told("redrive", "--all"),
          /^0 1 dead letter is delivered again, by ann@desk: beside their keys/
        )
        assert.match(yield* told("redrive", "--type", "x"), /^0 No such dead letters: nothing was redriven\.\n$/)
        assert.match(
          yield* told("skip", "mail/1", "--reason", "sent by hand"),
          /^0 Skipped the delivery mail\/1, by ann@desk/
        )
        assert.match(
          yield* told("retire", "mail", "--give-up"),
          /^0 mail is retired, .* 2 deliveries that waited were dropped\.\n/
        )
      })
    ))

  it("does what it is told whoever reads of it, and only tells while somebody reads", () =>
    operated(
      Effect.fnUntraced(function* (world) {
        yield* fill(world, plain)
        world.readers = 0
        const paused = yield* world.run("outbox", "pause", "mail")
        assert.deepEqual([paused.code, paused.out], [0, ""])
        assert.match(paused.err, /^Nobody reads\. The command goes on/)
        assert.equal((yield* world.run("outbox", "stats")).code, 0)
        world.readers = Infinity
        assert.match((yield* world.run("outbox", "stats")).out, /^mail +Paused/m)
      })
    ))
})

/** What terminals obey, what turns the reading direction, what is not seen, and what ends a line. */
const hostile = fc
  .array(fc.constantFrom("\u001b[2J", "\u009b31m", "\r", "\n", "\u202e", "\u200b", "\u2028", "a", "日"), {
    minLength: 1,
    maxLength: 4
  })
  .map((parts) => parts.join(""))

const isHarmless = (text: string): boolean =>
  !/[\p{Cc}\p{Zl}\p{Zp}\u200b\u202a-\u202e\ufeff]/u.test(text.replaceAll("\n", ""))

describe("whatever is stored", () => {
  it("nothing is printed that a terminal obeys", () =>
    fc.assert(
      fc.asyncProperty(fc.record({ consumer: hostile, type: hostile, key: hostile, error: hostile }), (words) =>
        operated(
          Effect.fnUntraced(function* (world) {
            yield* fill(world, words)
            const commands = [
              ["stats"],
              ["consumers"],
              ["dead", "--limit", "1"],
              ["dead", "--failing", "--limit", "1"],
              ["dead", "--id", "letter-1"],
              ["dead", "--id", words.key],
              ["dead", "--consumer", words.error],
              ["pause", words.consumer, "--by", `x${words.error}`],
              ["resume", words.consumer],
              ["pause", words.error],
              ["rename", words.consumer, words.key],
              ["redrive", "--id", words.key],
              ["redrive", "--type", words.type],
              ["skip", `${words.consumer}/1`, "--reason", `x${words.error}`],
              ["skip", words.key, "--reason", "x"],
              ["retire", words.consumer],
              ["retire", words.consumer, "--give-up"]
            ]
            for (const command of commands) {
              for (const flags of [[], ["--json"]]) {
                const { err, out } = yield* world.run("outbox", ...command, ...flags)
                assert.ok(isHarmless(out + err), `${command.join(" ")}: ${JSON.stringify(out + err)}`)
                const others = out.split("\n").filter((line) => line !== "" && !line.startsWith("{"))
                assert.ok(flags.length === 0 || others.length === 0, `${command.join(" ")} prints JSON lines only`)
              }
            }
          })
        )
      ),
      { numRuns: 15 }
    ))
})
