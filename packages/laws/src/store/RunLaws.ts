/**
 * What an operator relies on in the audit trail: L37. No tenant sees another.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Lane from "@tidemark/core/model/Lane"
import * as Run from "@tidemark/core/model/Run"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Write from "@tidemark/core/model/Write"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as Made from "./Made.ts"

/** @category laws @since 0.1.0 */
export const runLaws = <R>(store: Store.Store<R>): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L37",
    claim: "runs are listed newest first and their items in order, each once, as they were recorded, in any pieces",
    runs: 60,
    arbitrary: fc.record({ runs: fc.array(run, { maxLength: 6 }), limit: fc.integer({ min: 1, max: 4 }) }),
    holds: ({ limit, runs }) => listed(store, runs, limit)
  })
]

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Kind = "Created" | "Deleted" | "Drift" | "Unchanged" | "Quarantined" | "Rejected"

interface Told {
  readonly at: "home" | "other" | "tenant"
  readonly lane: string
  readonly trigger: Run.Trigger
  /** Items, batch by batch. */
  readonly batches: ReadonlyArray<ReadonlyArray<Kind>>
  /** `undefined` for a run whose process is gone. */
  readonly status: Run.Status | undefined
}

const run: fc.Arbitrary<Told> = fc.record({
  at: fc.constantFrom("home", "home", "home", "other", "tenant"),
  lane: fc.constantFrom("live", "live", "redrive"),
  trigger: fc.constantFrom("Manual", "Replay"),
  batches: fc.array(
    fc.array(fc.constantFrom<Kind>("Created", "Deleted", "Drift", "Unchanged", "Quarantined", "Rejected"), {
      maxLength: 4
    }),
    { maxLength: 3 }
  ),
  status: fc.constantFrom("Succeeded", "Partial", "Failed", undefined)
})

/** A run as it should be kept. */
interface Row {
  readonly at: Told["at"]
  readonly id: string
  readonly lane: string
  readonly epoch: number
  readonly trigger: Run.Trigger
  readonly counts: Run.Counts
  readonly items: ReadonlyArray<Run.Item>
  status: Run.Status
  error: string | undefined
}

const listed = Effect.fnUntraced(function* <R>(store: Store.Store<R>, told: ReadonlyArray<Told>, limit: number) {
  const home = yield* Store.subscription(store.name)
  const all = {
    home,
    other: { ...home, id: Subscription.SubscriptionId.make(`${home.id}-other`) },
    tenant: { ...home, tenant: Subscription.TenantId.make(`${home.tenant}-other`) }
  }
  const rows: Array<Row> = []
  // What earlier runs left open stays open until another run of their lane begins.
  for (const one of told) yield* recorded(all[one.at], rows, one)
  const recorder = yield* RunRecorder.RunRecorder
  for (const tenant of ["home", "tenant"] as const) {
    const own = rows.filter(({ at }) => all[at].tenant === all[tenant].tenant)
    for (const options of [
      {},
      { subscription: home.id },
      { lane: "redrive" },
      { subscription: home.id, lane: "live" }
    ]) {
      const pieces = yield* piecesOf((position) =>
        recorder.list(all[tenant].tenant, { ...options, limit, before: position })
      )
      const expected = own
        .filter(
          ({ at, lane }) =>
            (!("subscription" in options) || all[at].id === options.subscription) &&
            (!("lane" in options) || lane === options.lane)
        )
        .toReversed()
        .map((row) => plain({ ...row, subscription: all[row.at].id, lane: { name: row.lane, partition: "" } }))
      yield* Law.same(`the runs of ${tenant} by ${Law.show(options)}`, pieces.map(plain), expected)
      yield* Law.requires(pieces.every(isTimely), () => `times that cannot be: ${Law.show(pieces)}`)
    }
  }
  for (const { at, id, items } of rows) {
    const found = (asked: string, place: keyof typeof all) => recorder.list(all[place].tenant, { id: asked })
    const same = (yield* found(id, at)).map((run) => run.id)
    yield* Law.same(`the run ${id} by its id`, same, [id])
    for (const none of [`${id}x`, "no id", ""]) yield* Law.same(`the run "${none}"`, yield* found(none, at), [])
    yield* Law.same(`the run ${id} for another tenant`, yield* found(id, at === "tenant" ? "home" : "tenant"), [])
    const pieces = yield* piecesOf((position) => recorder.items(all[at].tenant, id, { limit, after: position }))
    yield* Law.same(`the items of ${id}`, pieces.map(plainItem), items.map(plainItem))
    const foreign = yield* recorder.items(all[at === "tenant" ? "home" : "tenant"].tenant, id)
    yield* Law.same(`the items of ${id} for another tenant`, foreign, [])
  }
})

/** Records a run with the store, and what is expected of it. */
const recorded = Effect.fnUntraced(function* (
  subscription: Subscription.Subscription,
  rows: Array<Row>,
  { at, batches, lane: name, status, trigger }: Told
) {
  const recorder = yield* RunRecorder.RunRecorder
  const lane = Lane.make(subscription, name)
  const { epoch } = yield* Made.claim(subscription, { lane })
  const id = yield* recorder.open({ lane, epoch, trigger })
  for (const row of rows) {
    if (row.at !== at || row.lane !== name || row.status !== "Running") continue
    row.status = "Abandoned"
    row.error = "the process ended without closing the run"
  }
  const items = batches.map((kinds, batch) => kinds.map((kind, place) => itemOf(kind, batch * 10 + place)))
  for (const some of items) {
    const batch = { runId: id, lane, items: some, counts: Run.countItems(some), patchToText }
    yield* Made.transact(subscription, recorder.record(batch))
  }
  const error = status === "Failed" ? "it failed" : undefined
  if (status !== undefined) yield* recorder.close({ runId: id, lane, status, error })
  const counts = Run.countItems(items.flat())
  rows.push({ at, id, lane: name, epoch, trigger, counts, items: items.flat(), status: status ?? "Running", error })
})

const patchToText = () => JSON.stringify({ size: { before: 1, after: 2 } })

const itemOf = (kind: Kind, place: number): Run.Item => {
  // What is found on the way has the sequence of the observation behind it.
  const sequence = kind === "Drift" ? place + 1 : place
  const common = {
    sequence,
    externalId: Made.id(`record-${place % 3}`),
    origin: "Poll" as const,
    version: Made.version(1)
  }
  switch (kind) {
    case "Unchanged":
      return { ...common, version: undefined, outcome: { _tag: "Skipped", reason: kind } }
    case "Quarantined":
    case "Rejected":
      return {
        ...common,
        outcome: { _tag: kind, rejection: new Write.Rejection({ code: "Poison", message: "the record is poison" }) }
      }
    default: {
      const patch = { size: { before: 1, after: 2 } }
      return { ...common, outcome: { _tag: "Applied", operation: kind, localId: "local", revision: place, patch } }
    }
  }
}

/** All pieces of a list, each begun where the last one ended. */
const piecesOf = Effect.fnUntraced(function* <A extends { readonly position: number }, E, R>(
  piece: (position: number | undefined) => Effect.Effect<ReadonlyArray<A>, E, R>
) {
  const found: Array<A> = []
  for (let pieces = 0; ; pieces++) {
    const next = yield* piece(found.at(-1)?.position)
    if (next.length === 0) return found
    yield* Law.requires(pieces < 100, () => `a list does not end: ${Law.show(next)}`)
    found.push(...next)
  }
})

const plain = (
  run: Pick<RunRecorder.Kept, "id" | "subscription" | "lane" | "epoch" | "trigger" | "status" | "counts" | "error">
) => {
  const { counts, epoch, error = null, id, lane, status, subscription, trigger } = run
  return { id, subscription, lane, epoch, trigger, status, counts, error }
}

const plainItem = ({ externalId, origin, outcome, sequence, version }: RunRecorder.KeptItem | Run.Item) => ({
  sequence,
  externalId,
  origin,
  version: version ?? null,
  outcome:
    "rejection" in outcome
      ? { _tag: outcome._tag, code: outcome.rejection.code, message: outcome.rejection.message }
      : outcome
})

const isTimely = ({ closedAt, openedAt, status }: RunRecorder.Kept): boolean =>
  Number.isInteger(openedAt) && (status === "Running" ? closedAt === undefined : (closedAt ?? 0) >= openedAt)
