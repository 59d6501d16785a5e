// Goal: what a definition says holds of every event of its type, and misuse does not compile.
// Guarantees: O14, O24, O27, O28, W33.
import * as EventRegistry from "@tidemark/core/model/EventRegistry"
import * as EventType from "@tidemark/core/model/EventType"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"

const First = Schema.Struct({ amount: Schema.Number })
const Second = Schema.Struct({ cents: Schema.Number })
const Third = Schema.Struct({ cents: Schema.Number, currency: Schema.String })

const paid = EventType.define({
  type: "invoice_paid",
  direction: "change",
  aggregate: "invoice",
  version: 3,
  upcasters: [
    EventType.upcaster(First, ({ amount }): typeof Second.Type => ({ cents: amount * 100 })),
    EventType.upcaster(Second, ({ cents }): typeof Third.Type => ({ cents, currency: "EUR" }))
  ],
  payload: Third
})

const seen = EventType.define({ type: "invoice_seen", tier: "audit", aggregate: "invoice", payload: Schema.Struct({}) })

const problems = (...definitions: ReadonlyArray<EventType.Any>): Promise<ReadonlyArray<string>> =>
  Effect.runPromise(
    EventRegistry.make(...definitions).pipe(
      Effect.as([]),
      Effect.catchTag("RegistryError", ({ problems }) => Effect.succeed(problems))
    )
  )

describe("a definition", () => {
  it("takes what its direction needs, and nothing else", () => {
    const payload = Schema.Struct({})
    // @ts-expect-error an inbound event needs a source
    EventType.define({ type: "a", direction: "inbound", payload })
    // @ts-expect-error a change needs an aggregate
    EventType.define({ type: "a", direction: "change", payload })
    // @ts-expect-error an outbound event needs a destination
    EventType.define({ type: "a", direction: "outbound", payload })
    // @ts-expect-error an audit event goes nowhere
    EventType.define({ type: "a", tier: "audit", direction: "change", aggregate: "x", payload })
    // @ts-expect-error there is no such direction
    EventType.define({ type: "a", direction: "sideways", aggregate: "x", payload })
    const domain: EventType.Domain = paid
    // @ts-expect-error an audit event is none that a consumer can ask for
    const audit: EventType.Domain = seen
    assert.deepEqual([domain.entity, audit.direction], ["invoice", "change"])
  })

  it("takes upcasters of which each gives what the next one takes", () => {
    const wrong = EventType.upcaster(First, () => ({ nothing: 1 }))
    const place = { type: "a", direction: "change", aggregate: "x", version: 2, payload: Second } as const
    // @ts-expect-error the step gives no cents
    EventType.define({ ...place, upcasters: [wrong] })
  })

  it("O14 reads every version up to its own, and none beyond", () => {
    const read = (version: number, payload: Schema.Json) => EventType.decode(paid, { version, payload })
    assert.deepEqual(read(1, { amount: 2 }), Result.succeed({ cents: 200, currency: "EUR" }))
    assert.deepEqual(read(2, { cents: 3 }), Result.succeed({ cents: 3, currency: "EUR" }))
    assert.deepEqual(read(3, { cents: 3, currency: "USD" }), Result.succeed({ cents: 3, currency: "USD" }))
    for (const [version, payload] of [
      [4, { cents: 3, currency: "USD" }],
      [0, { amount: 2 }],
      [2, { amount: 2 }]
    ] as const) {
      const answer = read(version, payload)
      assert.ok(Result.isFailure(answer))
      assert.equal(answer.failure.reason, "Unreadable")
    }
  })
})

// -----------------------------------------------------------------------------
// payloads
// -----------------------------------------------------------------------------

const text = { type: "text_said", payload: Schema.Struct({ text: Schema.String }) }

/** A payload is accepted if and only if its JSON has at most so many bytes, counted by another than us. */
const sized = (encode: (payload: { readonly text: string }) => Result.Result<Schema.Json, EventType.PayloadError>) =>
  fc.property(
    fc.constantFrom("a", "é", "€", "😀", "\n", '"', "\ud800"),
    fc.integer({ min: -3, max: 3 }),
    (character, more) => {
      const each = Buffer.byteLength(JSON.stringify(character)) - 2
      const count = Math.floor((EventType.bytesMax - JSON.stringify({ text: "" }).length) / each) + more
      const payload = { text: character.repeat(count) }
      const fits = Buffer.byteLength(JSON.stringify(payload)) <= EventType.bytesMax
      assert.equal(Result.isSuccess(encode(payload)), fits)
    }
  )

const Person = Schema.Struct({ name: EventType.secret(Schema.String), age: Schema.Number })
const Party = Schema.Struct({
  host: Person,
  guests: Schema.Array(Schema.Union([Person, Schema.String])),
  byRoom: Schema.Record(Schema.String, Person),
  password: EventType.secret(Schema.String)
})
const party = { type: "party_held", payload: Party }

const person = fc.record({ name: fc.constant("top secret"), age: fc.nat(99) })
const parties = fc.record({
  host: person,
  guests: fc.array(fc.oneof(person, fc.constant("a guest")), { maxLength: 3 }),
  byRoom: fc.dictionary(fc.constantFrom("hall", "attic"), person),
  password: fc.constant("top secret")
})

const withoutSecrets = (encode: (payload: typeof Party.Type) => Result.Result<Schema.Json, EventType.PayloadError>) =>
  fc.property(parties, (payload) => {
    const stored = Result.getOrThrow(encode(payload))
    assert.ok(!JSON.stringify(stored).includes("secret"))
    const definition = EventType.define({ ...party, direction: "change", aggregate: "party" })
    const read = Result.getOrThrow(EventType.decode(definition, { version: 1, payload: stored }))
    assert.equal(read.host.age, payload.host.age)
    assert.equal(read.guests.length, payload.guests.length)
  })

type Read = (
  definition: typeof paid,
  stored: { version: number; payload: Schema.Json }
) => Result.Result<unknown, unknown>

/** What a newer build adds to a payload of the same version says nothing to an older one, at any depth. */
const tolerant = (read: Read) =>
  fc.property(fc.nat(), fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), (cents, more) => {
    const own = { cents, currency: "EUR" }
    const payload = { ...more, ...own } as Schema.Json
    const answer = read(paid, { version: 3, payload })
    assert.deepEqual(answer, Result.succeed(own))
  })

const strict: Read = ({ payload }, stored) =>
  Schema.decodeUnknownResult(payload)(stored.payload, { onExcessProperty: "error" })

describe("a payload", () => {
  it("W33 of a newer build is read without what it added", () => holds(tolerant(EventType.decode)))
  it("W33 that may have nothing else is caught", () => isCaught(tolerant(strict)))
  it("O24 of more than 256 KiB is refused", () =>
    holds(
      sized((payload) => EventType.encode(text, payload)),
      100
    ))
  it("O24 counted in characters is caught", () =>
    isCaught(
      sized((payload) =>
        JSON.stringify(payload).length > EventType.bytesMax
          ? EventType.encode(text, { text: "x".repeat(EventType.bytesMax) })
          : Result.succeed({})
      )
    ))
  it("O28 is stored without its secrets, nested ones too", () =>
    holds(withoutSecrets((payload) => EventType.encode(party, payload))))
  it("O28 stored as it is is caught", () =>
    isCaught(withoutSecrets((payload) => Schema.encodeUnknownResult(Party)(payload) as never)))
  it("that is not as defined is refused, and not told", () => {
    const answer = EventType.encode(text, { text: 7 as never })
    assert.ok(Result.isFailure(answer))
    assert.equal(answer.failure.reason, "Invalid")
  })
})

describe("a registry", () => {
  it("tells all that is wrong, by the names of the types", async () => {
    class Card extends Schema.Class<Card>("Card")({ number: EventType.secret(Schema.String) }) {}
    const place = { direction: "change", aggregate: "x" } as const
    const found = await problems(
      paid,
      paid,
      { ...paid, type: "two_upcasters", version: 2 },
      { ...paid, type: "Bad-Name" },
      { ...paid, type: "tidemark_own" },
      EventType.define({ ...place, type: "hides", payload: Schema.Struct({ card: Card }) })
    )
    for (const word of ["invoice_paid is defined twice", "two_upcasters", "Bad-Name", "tidemark_own", "hides"]) {
      assert.equal(found.filter((problem) => problem.startsWith(word)).length, 1, `${word}: ${found.join("; ")}`)
    }
    assert.equal(found.length, 5)
  })

  it("knows a type up to its version", async () => {
    const registry = await Effect.runPromise(EventRegistry.make(paid, seen))
    const type: EventRegistry.Types<typeof registry> = "invoice_paid"
    // @ts-expect-error there is no such type
    const wrong: EventRegistry.Types<typeof registry> = "invoice_payed"
    const payload: EventRegistry.PayloadOf<typeof registry, "invoice_paid"> = { cents: 1, currency: "EUR" }
    assert.ok(wrong !== (type as string) && payload.cents === 1)
    assert.equal(EventRegistry.find(registry, { type, version: 3 }), paid)
    assert.equal(EventRegistry.find(registry, { type, version: 4 }), undefined)
    assert.equal(EventRegistry.find(registry, { type: wrong, version: 1 }), undefined)
  })
})
