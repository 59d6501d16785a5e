/**
 * Events of applied changes.
 *
 * Guarantees: L24, W70
 */
import * as Event from "@tidemark/core/model/Event"
import * as Observation from "@tidemark/core/model/Observation"
import type * as Outcome from "@tidemark/core/model/Outcome"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"

type Id = typeof Event.id

/** Short, and full of what ids are put together with. */
const part = fc.constantFrom("a", "/", "%", "a/", "/a", "%2F", "%25", "a/a", "1")
const fact = fc.record({
  tenant: part,
  provider: part,
  account: part,
  entity: part,
  externalId: part,
  revision: fc.integer({ min: 1, max: 12 }),
  kind: fc.constantFrom("write", "a_created", "a_edited")
})
type Fact = typeof fact extends fc.Arbitrary<infer F> ? F : never

const idOf = (id: Id, fact: Fact): string => {
  const connection = { provider: fact.provider, account: fact.account }
  const subscription = Subscription.make({ id: "s", tenant: fact.tenant, connection, entity: fact.entity })
  return id(subscription, Observation.ExternalId.make(fact.externalId), fact.revision, fact.kind)
}

const texts = ["tenant", "provider", "account", "entity", "externalId"] as const

/**
 * Pairs of facts: one differs in two neighbouring parts at most, or in revision or
 * kind; or the boundary between two parts has moved over a separator.
 */
const pair = fc.oneof(
  fc.tuple(fact, fact, fc.nat(4), fc.boolean()).map(([a, b, place, isLater]): readonly [Fact, Fact] => {
    const changed = isLater ? (["revision", "kind"] as const) : texts.slice(place, place + 2)
    return [a, { ...a, ...Object.fromEntries(changed.map((name) => [name, b[name]])) } as Fact]
  }),
  fc.tuple(fact, part, part, part, fc.nat(3)).map(([a, x, y, z, place]): readonly [Fact, Fact] => {
    const [left, right] = [texts[place]!, texts[place + 1]!]
    return [
      { ...a, [left]: `${x}/${y}`, [right]: z },
      { ...a, [left]: x, [right]: `${y}/${z}` }
    ]
  })
)

const injective = (id: Id) =>
  fc.property(pair, ([a, b]) => {
    const isSame = (Object.keys(a) as ReadonlyArray<keyof Fact>).every((name) => a[name] === b[name])
    assert.equal(idOf(id, a) === idOf(id, b), isSame)
  })

const unescaped: Id = (subscription, externalId, revision, kind) =>
  [
    subscription.tenant,
    subscription.connection.provider,
    subscription.connection.account,
    subscription.entity,
    externalId,
    revision,
    kind
  ].join("/")
const halfEscaped: Id = (subscription, externalId, revision, kind) => {
  const escape = (text: string) => text.replaceAll("/", "%2F")
  const { account, provider } = subscription.connection
  return [subscription.tenant, provider, account, subscription.entity, externalId, String(revision), kind]
    .map(escape)
    .join("/")
}
const withoutTenant: Id = (subscription, externalId, revision, kind) =>
  Event.id({ ...subscription, tenant: Subscription.TenantId.make("t") }, externalId, revision, kind)

const subscription = Subscription.make({
  id: "s",
  tenant: "t",
  connection: { provider: "salesforce", account: "00D" },
  entity: "account"
})
const observed = { externalId: Observation.ExternalId.make("001/a"), origin: "Poll" as const }
const applied = (operation: Outcome.Operation, revision: number): Outcome.Applied => ({
  _tag: "Applied",
  operation,
  localId: "l",
  revision,
  patch: { b: { before: 1, after: 2 }, a: { before: undefined, after: 1 } }
})

/** Events of a record that goes to and fro between two states. */
const distinct = (idOf: (revision: number, version: string) => string) =>
  fc.property(fc.array(fc.constantFrom("A", "B"), { minLength: 1, maxLength: 8 }), (versions) => {
    const ids = versions.map((version, index) => idOf(index + 1, version))
    assert.equal(new Set(ids).size, versions.length, "an event would be swallowed as a repetition")
  })

describe("Event", () => {
  it("W70 ids of different facts differ, whatever the parts hold", () => holds(injective(Event.id), 3_000))
  it("W70 ids of parts that are not escaped are caught", () => isCaught(injective(unescaped)))
  it("W70 ids whose escape is not escaped are caught", () => isCaught(injective(halfEscaped)))
  it("W70 ids without the tenant are caught", () => isCaught(injective(withoutTenant)))

  it("W70 every change of A to B to A to B has an id of its own", () =>
    holds(distinct((revision) => Event.id(subscription, observed.externalId, revision, "account_edited"))))
  it("W70 ids made from the version are caught", () =>
    isCaught(distinct((_, version) => `account/${version}/account_edited`)))

  const types: Record<Outcome.Operation, string | undefined> = {
    Created: "account_created",
    Updated: "account_edited",
    Deleted: "account_deleted",
    Adopted: undefined,
    Drift: undefined
  }
  for (const [operation, type] of Object.entries(types)) {
    it(`L24 ${operation} makes ${type ?? "no event"}`, () =>
      assert.equal(Event.fromApplied(subscription, observed, applied(operation as Outcome.Operation, 3))?.type, type))
  }
  it("L24 says what changed, where, and at which revision, and is JSON", () => {
    const event = Event.fromApplied(subscription, observed, applied("Updated", 3))!
    assert.deepEqual(Schema.decodeUnknownSync(Event.Event)(JSON.parse(JSON.stringify(event))), event)
    assert.equal(event.id, "t/salesforce/00D/account/001%2Fa/3/account_edited")
    assert.equal(event.key, "salesforce/00D/001%2Fa")
    assert.deepEqual(event.payload, {
      entityId: "l",
      externalId: "001/a",
      provider: "salesforce",
      changedFields: ["a", "b"],
      source: "integration",
      origin: "Poll",
      revision: 3
    })
  })
})
