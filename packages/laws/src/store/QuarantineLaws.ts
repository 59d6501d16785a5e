/**
 * What the engine and an operator rely on in quarantine: L15. No tenant sees another.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Write from "@tidemark/core/model/Write"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as Made from "./Made.ts"

/** @category laws @since 0.1.0 */
export const quarantineLaws = <R>(store: Store.Store<R>): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L15",
    claim: "a refusal waits, with its version and print, until it is closed; one void from the start never does",
    runs: 60,
    arbitrary: refusals,
    holds: (steps) => waits(store, steps)
  }),
  Store.law(store, {
    id: "L15",
    claim: "refusals are listed newest first, each once, with all that became of them, in pieces of any size",
    runs: 80,
    arbitrary: fc.record({ steps: fc.array(step, { maxLength: 12 }), asked: fc.array(asked, { maxLength: 4 }) }),
    holds: ({ asked, steps }) => listed(store, steps, asked)
  })
]

// -----------------------------------------------------------------------------
// internal: what waits
// -----------------------------------------------------------------------------

const refusals = fc.array(
  fc.oneof(
    fc.record({
      _tag: fc.constant("Put" as const),
      name: fc.constantFrom("a", "b"),
      value: fc.integer({ min: 1, max: 3 }),
      isSuperseded: fc.boolean()
    }),
    fc.record({ _tag: fc.constant("Close" as const), place: fc.nat(3) })
  ),
  { maxLength: 8 }
)

const waits = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  steps: ReadonlyArray<
    | { readonly _tag: "Put"; readonly name: string; readonly value: number; readonly isSuperseded: boolean }
    | { readonly _tag: "Close"; readonly place: number }
  >
) {
  const subscription = yield* Store.subscription(store.name)
  const quarantine = yield* Quarantine.Quarantine
  const runId = yield* Made.openRun(subscription, (yield* Made.claim(subscription)).epoch)
  const ids = [Made.id("a"), Made.id("b")] as const
  const found = Effect.map(quarantine.find(subscription, ids), (open) =>
    [...open].flatMap(([id, all]) => all.map((one) => ({ name: id, ...one })))
  )
  let open: ReadonlyArray<{ readonly name: string; readonly value: number }> = []
  let puts = 0
  for (const step of steps) {
    if (step._tag === "Put") {
      const refusal = Made.refusal(runId, step.name, step.value, step.isSuperseded)
      yield* Made.transact(subscription, quarantine.put(subscription, [refusal]))
      puts += 1
      if (!step.isSuperseded) open = [...open, { name: step.name, value: step.value }]
    } else {
      const waiting = yield* found
      const one = waiting[step.place]
      if (one === undefined) continue
      yield* Made.transact(subscription, quarantine.close(subscription, [one.id], "Superseded"))
      const at = open.findIndex(({ name, value }) => name === one.name && `print-${value}` === one.fingerprint)
      open = open.filter((_, place) => place !== at)
    }
    const actual = (yield* found).map(({ fingerprint, name, version }) => ({ name, fingerprint, version }))
    const expected = open.map(({ name, value }) => ({
      name,
      fingerprint: `print-${value}`,
      version: Made.version(value)
    }))
    yield* Law.same("what waits", texts(actual), texts(expected))
  }
  const { refusals } = yield* store.read(subscription)
  yield* Law.same(
    "all that was kept",
    [refusals.length, refusals.filter(({ isOpen }) => isOpen).length],
    [puts, open.length]
  )
  const { connection, entity, id, tenant } = subscription
  const foreign = Subscription.make({ id, tenant: `${tenant}-other`, connection, entity })
  yield* Law.same("what another tenant finds", (yield* quarantine.find(foreign, ids)).size, 0)
})

const texts = (all: ReadonlyArray<unknown>): ReadonlyArray<string> => all.map(Law.show).toSorted()

// -----------------------------------------------------------------------------
// internal: lists
// -----------------------------------------------------------------------------

const names = ["a", "b"] as const
const codes = ["x", "y"] as const

/** Of two tenants, connections and entities; the first is the one that is mostly asked for. */
const places = fc.constantFrom("home", "home", "home", "tenant", "connection", "entity")

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: fc.constant("Put" as const),
      at: places,
      refusals: fc.array(
        fc.record({
          name: fc.constantFrom(...names),
          code: fc.constantFrom(...codes),
          value: fc.nat(3),
          isSuperseded: fc.constantFrom(false, false, false, true)
        }),
        { minLength: 1, maxLength: 3 }
      ),
      isTakenBack: fc.constantFrom(false, false, false, true)
    })
  },
  fc.record({
    _tag: fc.constant("Close" as const),
    back: fc.nat(5),
    status: fc.constantFrom("Superseded" as const, "Redriven" as const)
  }),
  fc.record({
    _tag: fc.constant("Recur" as const),
    back: fc.nat(5),
    code: fc.constantFrom(...codes),
    value: fc.option(fc.nat(3), { nil: undefined })
  })
)

type Step =
  | {
      readonly _tag: "Put"
      readonly at: string
      readonly refusals: ReadonlyArray<{
        readonly name: string
        readonly code: string
        readonly value: number
        readonly isSuperseded: boolean
      }>
      readonly isTakenBack: boolean
    }
  | { readonly _tag: "Close"; readonly back: number; readonly status: "Superseded" | "Redriven" }
  | { readonly _tag: "Recur"; readonly back: number; readonly code: string; readonly value: number | undefined }

const asked = fc.record({
  at: fc.option(fc.constantFrom("home", "connection", "entity"), { nil: undefined }),
  name: fc.option(fc.constantFrom(...names), { nil: undefined }),
  code: fc.option(fc.constantFrom(...codes), { nil: undefined }),
  isWithClosed: fc.boolean(),
  limit: fc.integer({ min: 1, max: 4 })
})

interface Asked {
  readonly at: string | undefined
  readonly name: string | undefined
  readonly code: string | undefined
  readonly isWithClosed: boolean
  readonly limit: number
}

/** A refusal as it should be kept. */
interface Row {
  readonly at: string
  readonly name: string
  readonly code: string
  readonly value: number
  readonly run: string
  readonly status: Quarantine.Status
  readonly attempts: number
}

const listed = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  steps: ReadonlyArray<Step>,
  asked: ReadonlyArray<Asked>
) {
  const home = yield* Store.subscription(store.name)
  const all = placesOf(home)
  const quarantine = yield* Quarantine.Quarantine
  const runs = yield* Effect.forEach([all["home"]!, all["tenant"]!], (one) =>
    Effect.flatMap(Made.claim(one), ({ epoch }) => Made.openRun(one, epoch))
  )
  const rows: Array<Row> = []
  for (const step of steps) yield* perform(all, runs, rows, step)
  for (const tenant of ["home", "tenant"]) {
    const own = rows.filter(({ at }) => (at === "tenant") === (tenant === "tenant"))
    for (const one of [...asked, { ...everything, limit: 2 }]) {
      const { subscription, wanted } = toOptions(all, one)
      const pieces = yield* piecesOf(quarantine.list, all[tenant]!.tenant, wanted)
      const expected = own
        .filter(
          (row) =>
            (one.isWithClosed || row.status === "Open") &&
            (one.name === undefined || row.name === one.name) &&
            (one.code === undefined || row.code === one.code) &&
            (subscription === undefined || isOf(all[row.at]!, subscription))
        )
        .toReversed()
      yield* Law.same(`what ${tenant} lists of ${Law.show(one)}`, pieces.map(toRow), expected.map(withoutPlace))
      yield* Law.requires(pieces.every(isTimely), () => `times that cannot be: ${Law.show(pieces)}`)
      for (const kept of pieces.slice(0, 1)) yield* known(quarantine, all, tenant, kept)
    }
  }
})

/** A refusal is found by its id, as the list has it, by its tenant only. */
const known = Effect.fnUntraced(function* (
  quarantine: Quarantine.Quarantine["Service"],
  all: Readonly<Record<string, Subscription.Subscription>>,
  tenant: string,
  kept: Quarantine.Kept
) {
  const found = (id: string, place: string, isWithClosed = true) =>
    quarantine.list(all[place]!.tenant, { id, isWithClosed })
  yield* Law.same(`the refusal ${kept.id} by its id`, yield* found(kept.id, tenant), [kept])
  const open = kept.status === "Open" ? [kept] : []
  yield* Law.same(`the refusal ${kept.id}, if it waits`, yield* found(kept.id, tenant, false), open)
  for (const none of [`${kept.id}x`, "no id", ""]) {
    yield* Law.same(`the refusal "${none}"`, yield* found(none, tenant), [])
  }
  const foreign = yield* found(kept.id, tenant === "home" ? "tenant" : "home")
  yield* Law.same(`the refusal ${kept.id} for another tenant`, foreign, [])
})

const everything: Asked = { at: undefined, name: undefined, code: undefined, isWithClosed: true, limit: 1_000 }

const placesOf = (home: Subscription.Subscription): Readonly<Record<string, Subscription.Subscription>> => ({
  home,
  tenant: { ...home, tenant: Subscription.TenantId.make(`${home.tenant}-other`) },
  connection: { ...home, connection: { ...home.connection, account: "other" } },
  entity: { ...home, entity: "other" }
})

/** Does one step with the store, and with the rows that are expected of it. */
const perform = Effect.fnUntraced(function* (
  all: Readonly<Record<string, Subscription.Subscription>>,
  runs: ReadonlyArray<string>,
  rows: Array<Row>,
  step: Step
) {
  const quarantine = yield* Quarantine.Quarantine
  if (step._tag === "Put") {
    const subscription = all[step.at]!
    const run = runs[step.at === "tenant" ? 1 : 0]!
    const refusals = step.refusals.map(({ code, isSuperseded, name, value }) => ({
      ...Made.refusal(run, name, value, isSuperseded),
      rejection: rejection(code)
    }))
    const put = quarantine.put(subscription, refusals as [(typeof refusals)[number]]) // there is always one
    if (step.isTakenBack) {
      return yield* Effect.ignore(Made.transact(subscription, Effect.andThen(put, Effect.fail("taken back" as const))))
    }
    yield* Made.transact(subscription, put)
    for (const { isSuperseded, ...one } of step.refusals) {
      rows.push({ ...one, at: step.at, run, status: isSuperseded ? "Superseded" : "Open", attempts: 1 })
    }
    return
  }
  const at = rows.length - 1 - step.back
  const row = rows[at]
  if (row === undefined) return
  const subscription = all[row.at]!
  const own = rows.filter(({ at }) => all[at]!.tenant === subscription.tenant && isOf(all[at]!, subscription))
  const { wanted } = toOptions(all, { ...everything, at: row.at })
  const kept = (yield* quarantine.list(subscription.tenant, wanted))[own.length - 1 - own.indexOf(row)]
  if (kept === undefined) return yield* Law.requires(false, () => `a refusal is not listed: ${Law.show(row)}`)
  if (step._tag === "Close") {
    yield* Made.transact(subscription, quarantine.close(subscription, [kept.id], step.status))
    if (row.status === "Open") rows[at] = { ...row, status: step.status }
    return
  }
  const { code, value } = step
  const reading = value === undefined ? undefined : Made.refusal(row.run, row.name, value)
  const recurrence = { id: kept.id, runId: row.run, rejection: rejection(code), reading }
  yield* Made.transact(subscription, quarantine.recur(subscription, [recurrence]))
  if (row.status === "Open") rows[at] = { ...row, code, value: value ?? row.value, attempts: row.attempts + 1 }
})

const rejection = (code: string): Write.Rejection =>
  new Write.Rejection({ code, message: `the record is refused as ${code}` })

const toOptions = (
  all: Readonly<Record<string, Subscription.Subscription>>,
  { at, code, isWithClosed, limit, name }: Asked
) => {
  const subscription = at === undefined ? undefined : all[at]!
  const { connection, entity } = subscription ?? {}
  const externalId = name === undefined ? undefined : Made.id(name)
  return { subscription, wanted: { connection, entity, externalId, code, isWithClosed, limit } }
}

/** All pieces of a list, each begun where the last one ended. */
const piecesOf = Effect.fnUntraced(function* (
  list: Quarantine.Quarantine["Service"]["list"],
  tenant: Subscription.TenantId,
  options: Quarantine.ListOptions & { readonly limit: number }
) {
  const found: Array<Quarantine.Kept> = []
  for (let pieces = 0; ; pieces++) {
    const piece = yield* list(tenant, { ...options, before: found.at(-1)?.position })
    yield* Law.requires(
      piece.length <= options.limit,
      () => `${piece.length} entries where ${options.limit} were asked`
    )
    if (piece.length === 0) return found
    yield* Law.requires(pieces < 100, () => `a list does not end: ${Law.show(piece)}`)
    found.push(...piece)
  }
})

/** Whether two subscriptions of one tenant feed one entity of one connection. */
const isOf = (one: Subscription.Subscription, other: Subscription.Subscription): boolean =>
  one.connection.account === other.connection.account && one.entity === other.entity

const toRow = (kept: Quarantine.Kept) => ({
  name: kept.externalId,
  code: kept.rejection.code,
  message: kept.rejection.message,
  account: kept.connection.account,
  entity: kept.entity,
  version: kept.version,
  fingerprint: kept.fingerprint,
  observation: kept.observation,
  run: kept.runId,
  status: kept.status,
  attempts: kept.attempts
})

const withoutPlace = ({ at, attempts, code, name, run, status, value }: Row) => ({
  name,
  code,
  message: rejection(code).message,
  account: at === "connection" ? "other" : "world",
  entity: at === "entity" ? "other" : "note",
  version: Made.version(value),
  fingerprint: `print-${value}`,
  observation: { value },
  run,
  status,
  attempts
})

const isTimely = ({ closedAt, openedAt, status }: Quarantine.Kept): boolean =>
  Number.isInteger(openedAt) && (status === "Open" ? closedAt === undefined : (closedAt ?? 0) >= openedAt)
