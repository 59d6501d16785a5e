/** Wrong stores, made by changing the memory store in one place. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Entry from "@tidemark/core/model/Entry"
import * as Lane from "@tidemark/core/model/Lane"
import type * as Event from "@tidemark/core/model/Event"
import type * as Row from "@tidemark/core/model/Row"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Version from "@tidemark/core/model/Version"
import * as Intents from "@tidemark/core/ports/Intents"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Brake from "@tidemark/core/rules/Brake"
import * as Store from "@tidemark/laws/Store"
import type * as World from "@tidemark/laws/World"
import * as Memory from "@tidemark/memory/Memory"
import * as Session from "@tidemark/memory/Session"
import * as State from "@tidemark/memory/State"
import * as Statement from "@tidemark/memory/Statement"
import { apart, type Patch, replace, type Services } from "./wrongPatch.ts"
import { wrongQuarantines } from "./wrongQuarantines.ts"

/** The memory store with something changed in it. */
export const store = (patch: Patch): Store.Store<Memory.Store> => ({
  ...Store.memory,
  layer: Layer.effectContext(Effect.map(Layer.build(Layer.fresh(Memory.layer())), patch))
})

const lanes = (change: (right: Lanes.Lanes["Service"], all: Services) => Partial<Lanes.Lanes["Service"]>): Patch =>
  replace(Lanes.Lanes, change)
const ledger = (change: (right: Ledger.Ledger["Service"], all: Services) => Partial<Ledger.Ledger["Service"]>): Patch =>
  replace(Ledger.Ledger, change)

const laneRow = (all: Services, lane: Lane.Lane) =>
  Effect.provideContext(Memory.lane(lane), all) as Effect.Effect<State.LaneRow | undefined>

/** The sink finds the records of any tenant. */
export const manyTenants: Store.Store<Memory.Store> = {
  ...Store.memory,
  sink: Effect.gen(function* () {
    const right = yield* Store.memory.sink
    const { state } = yield* Memory.Store
    return {
      ...right,
      find: (subscription, ids) =>
        Effect.map(Effect.andThen(right.find(subscription, ids), state), ({ tables }) => {
          const rows = State.scan({ tables, writes: State.noWrites() }, "rows").map(([, row]) => row)
          const wanted = rows.filter(({ externalId }) => ids.includes(externalId))
          return new Map(wanted.map(({ externalId, row }) => [externalId, row as Row.Row<World.Note>]))
        })
    }
  })
}

export const stores = {
  /** A commit is accepted from any epoch. */
  noEpoch: lanes((right, all) => ({
    commit: (options) =>
      Effect.flatMap(laneRow(all, options.claim.lane), (row) =>
        right.commit({ ...options, claim: { lane: options.claim.lane, epoch: row?.epoch ?? 0 } })
      )
  })),
  /** A commit is accepted from any epoch, with any number. */
  noFence: lanes((right, all) => ({
    commit: (options) =>
      Effect.flatMap(laneRow(all, options.claim.lane), (row) =>
        right.commit({
          ...options,
          claim: { lane: options.claim.lane, epoch: row?.epoch ?? 0 },
          checkpoint: { ...options.checkpoint, batchNo: (row?.checkpoint.batchNo ?? 0) + 1 }
        })
      )
  })),
  /** A row is written whatever its token is. */
  noCompareAndSet: ledger((right) => {
    const force: typeof right.advance = (subscription, advances) =>
      Effect.gen(function* () {
        const [first, ...rest] = advances
        const known = yield* right.find(subscription, [first.externalId, ...rest.map((one) => one.externalId)])
        const forced = (one: Entry.Advance) => ({ ...one, expected: known.get(one.externalId)?.token ?? 0 })
        const won = yield* right.advance(subscription, [forced(first), ...rest.map(forced)])
        const [lost, ...others] = advances.filter(({ externalId }) => !won.has(externalId))
        return lost === undefined ? won : new Map([...won, ...(yield* force(subscription, [lost, ...others]))])
      })
    return { advance: force }
  }),
  /** Local ids are made from what a process remembers. */
  repeatsLocalIds: ledger(() => ({
    localIds: (count) => Effect.succeed(Array.from({ length: count }, (_, index) => `local-${index}`))
  })),
  /** A piece of the records that were read earlier begins where the one before did. */
  tellsOnePiece: ledger((right) => ({
    unreadSince: (subscription, options) => right.unreadSince(subscription, { ...options, after: undefined })
  })),
  /** The compare-and-set is on the revision, so a write that applies nothing goes unseen. */
  tokenIsRevision: ledger((right) => ({
    find: (subscription, ids) => Effect.map(right.find(subscription, ids), byRevision),
    advance: (subscription, advances) =>
      Effect.gen(function* () {
        const [first, ...rest] = advances
        const known = yield* right.find(subscription, [first.externalId, ...rest.map((one) => one.externalId)])
        const forced = (one: Entry.Advance) => {
          const entry = known.get(one.externalId)
          const isSame = one.expected === (entry === undefined ? 0 : entry.revision + 1)
          return { ...one, expected: isSame ? (entry?.token ?? 0) : one.expected === 0 ? 0 : -1 }
        }
        return byRevision(yield* right.advance(subscription, [forced(first), ...rest.map(forced)]))
      })
  })),
  /** A reader of a transaction sees what was there when the transaction first looked. */
  snapshotOfTransaction: ledger((right) => {
    const seen = new WeakMap<object, Map<string, ReadonlyMap<string, Entry.Entry>>>()
    return {
      find: (subscription, ids) =>
        Effect.flatMap(Effect.serviceOption(UnitOfWork.Transaction), (open) => {
          if (open._tag === "None" || !open.value.isOpen) return right.find(subscription, ids)
          const found = seen.get(open.value) ?? new Map()
          seen.set(open.value, found)
          const key = ids.join("/")
          return found.has(key)
            ? Effect.succeed(found.get(key))
            : Effect.tap(right.find(subscription, ids), (rows) => Effect.sync(() => found.set(key, rows)))
        }),
      advance: (subscription, advances) =>
        Effect.gen(function* () {
          const [first, ...rest] = advances
          const find = Effect.provideContext(
            Effect.flatMap(Ledger.Ledger, (own) =>
              own.find(subscription, [first.externalId, ...rest.map((one) => one.externalId)])
            ),
            Context.make(Ledger.Ledger, right)
          )
          const { value } = (yield* Effect.serviceOption(UnitOfWork.Transaction)) as { readonly value: object }
          const found = seen.get(value) ?? new Map()
          seen.set(value, found)
          const key = advances.map(({ externalId }) => externalId).join("/")
          if (!found.has(key)) found.set(key, yield* find)
          return yield* right.advance(subscription, advances)
        })
    }
  }),
  /** Who meets a row that is being written does not wait, and is told that it lost. */
  neverWaits: ledger((right, all) => ({
    advance: (subscription, advances) =>
      Effect.gen(function* () {
        const { database } = Context.get(all, Memory.Store).connection
        const own = yield* Session.Current
        const isHeld = (one: Entry.Advance) => {
          const lock = database.locks.get(Statement.address("ledger", State.recordKey(subscription, one.externalId)))
          return lock !== undefined && lock.holder !== own
        }
        const [first, ...rest] = advances.filter((one) => !isHeld(one))
        return first === undefined ? new Map() : yield* right.advance(subscription, [first, ...rest])
      })
  })),
  /** Versions are not remembered: what comes last is the newest. */
  forgetsVersions: ledger((right) => ({
    find: (subscription, ids) =>
      Effect.map(
        right.find(subscription, ids),
        (rows) =>
          new Map([...rows].map(([id, entry]) => [id, { ...entry, version: Version.lowest(entry.version.domain) }]))
      )
  })),
  /** A record is known by its tenant and id. */
  oneConnection: ledger((right) => {
    const one = (subscription: Subscription.Subscription): Subscription.Subscription => ({
      ...subscription,
      entity: "any",
      connection: { provider: "any", account: "any" }
    })
    return {
      find: (subscription, ids) => right.find(one(subscription), ids),
      advance: (subscription, advances) => right.advance(one(subscription), advances)
    }
  }),
  /** A row is written for the tenant of the open transaction, whoever asks. */
  anyTenant: ledger((right) => ({
    advance: (subscription, advances) =>
      Effect.flatMap(UnitOfWork.Transaction, ({ tenant }) => right.advance({ ...subscription, tenant }, advances))
  })),
  /** All lanes of a subscription are one. */
  oneLane: lanes((right) => {
    const one = (lane: Lane.Lane) => Lane.live(lane.subscription)
    return {
      claim: (options) => right.claim({ ...options, lane: one(options.lane) }),
      renew: (claim, lease) => right.renew({ ...claim, lane: one(claim.lane) }, lease),
      commit: (options) => right.commit({ ...options, claim: { ...options.claim, lane: one(options.claim.lane) } }),
      release: (claim, stopped) => right.release({ ...claim, lane: one(claim.lane) }, stopped),
      peek: (lane) => right.peek(one(lane))
    }
  }),
  /** A claim never waits for a lease. */
  alwaysTakesOver: lanes((right) => ({
    claim: (options) => right.claim({ ...options, mode: options.mode === "IfFree" ? "TakeOver" : options.mode })
  })),
  /** A claim looks at the lane as it was before a commit that is under way. */
  claimsEarly: lanes((right, all) => ({
    claim: (options) =>
      Effect.suspend(() => {
        const { database } = Context.get(all, Memory.Store).connection
        return database.locks.has(Statement.address("lanes", State.laneKey(options.lane)))
          ? Effect.map(laneRow(all, options.lane), (row) => ({
              lane: options.lane,
              epoch: (row?.epoch ?? 0) + 1,
              checkpoint: row!.checkpoint
            }))
          : right.claim(options)
      })
  })),
  /** A lane that is taken looks free. */
  looksFree: lanes((right) => ({
    peek: (lane) => Effect.map(right.peek(lane), (found) => (found === undefined ? found : { ...found, remaining: 0 }))
  })),
  /** Who looks at a lane is not told that it was stopped. */
  hidesStop: lanes((right) => ({
    peek: (lane) =>
      Effect.map(right.peek(lane), (found) => (found === undefined ? found : { ...found, stopped: undefined }))
  })),
  /** Every second commit forgets the cursor. */
  forgetsCursor: lanes((right) => ({
    commit: (options) =>
      right.commit(
        options.checkpoint.batchNo % 2 === 0
          ? { ...options, checkpoint: { ...options.checkpoint, cursor: undefined } }
          : options
      )
  })),
  /** The lane is locked by the first write of a unit of work. */
  fenceFirst: ledger((right, all) => ({
    advance: (subscription, advances) =>
      Effect.andThen(lockLane(all, subscription), right.advance(subscription, advances))
  })),
  /** A find locks what it reads. */
  findLocks: ledger((right, all) => ({
    find: (subscription, ids) =>
      Effect.andThen(
        Effect.flatMap(Session.Current, (session) =>
          session === undefined || session.status === "Ended"
            ? Statement.writeAlone(
                Context.get(all, Memory.Store).connection,
                "Ledger.find",
                subscription.tenant,
                (at) => Effect.forEach(ids, (id) => Statement.lock(at, "ledger", State.recordKey(subscription, id)))
              )
            : Effect.void
        ),
        right.find(subscription, ids)
      )
  })),
  /** Events are appended in a transaction of their own. */
  eventsApart: replace(Outbox.Outbox, (right, all) => ({
    append: (tenant, events) => apart(all, tenant, right.append(tenant, events))
  })),
  ...wrongQuarantines,
  /** An event that is appended again is another event. */
  newEventIds: replace(Outbox.Outbox, (right) => {
    let number = 0
    const another = (event: Event.Event): Event.Event => ({ ...event, id: `${event.id}/${(number += 1)}` })
    return {
      append: (tenant, [first, ...rest]) => right.append(tenant, [another(first), ...rest.map(another)])
    }
  }),
  /** Batches leave nothing in the audit trail. */
  noAudit: replace(RunRecorder.RunRecorder, () => ({ record: () => Effect.void })),
  /** Items are written in a transaction of their own. */
  itemsApart: replace(RunRecorder.RunRecorder, (right, all) => ({
    record: (batch) => apart(all, batch.lane.subscription.tenant, right.record(batch))
  })),
  /** The last item of a batch is lost. */
  losesItems: replace(RunRecorder.RunRecorder, (right) => ({
    record: (batch) => right.record({ ...batch, items: batch.items.slice(0, -1) })
  })),
  /** Runs that a process left behind stay as they are. */
  neverAbandons: replace(RunRecorder.RunRecorder, (right) => ({
    open: (options) => right.open({ ...options, epoch: 0 })
  })),
  /** Items are read on behind a place in the run, which several of them may share. */
  skipsFindings: replace(RunRecorder.RunRecorder, (right) => ({
    items: (tenant, runId, options = {}) =>
      Effect.gen(function* () {
        const all = yield* right.items(tenant, runId, { limit: 1_000 })
        const last = all.find(({ position }) => position === options.after)?.sequence ?? -1
        return all.filter(({ sequence }) => sequence > last).slice(0, options.limit)
      })
  })),
  /** Runs are listed of all lanes, whichever is asked for. */
  listsAnyLane: replace(RunRecorder.RunRecorder, (right) => ({
    list: (tenant, options = {}) => right.list(tenant, { ...options, lane: undefined })
  })),
  /** What is about to be sent is not written down. */
  forgetsDecisions: replace(Intents.Intents, () => ({
    find: () => Effect.succeed(new Set()),
    list: () => Effect.succeed([]),
    open: () => Effect.void
  })),
  /** An inner unit of work takes nothing back. */
  noSavepoints: replace(UnitOfWork.UnitOfWork, (right) => ({
    transact: ((tenant: Subscription.TenantId, effect: Effect.Effect<unknown, unknown, unknown>) =>
      Effect.flatMap(Effect.serviceOption(UnitOfWork.Transaction), (open) =>
        open._tag === "Some" && open.value.isOpen && open.value.tenant === tenant
          ? effect
          : right.transact(tenant, effect)
      )) as typeof right.transact
  })),
  /** What a unit of work wrote before it failed stays. */
  keepsHalves: replace(UnitOfWork.UnitOfWork, (right) => ({
    transact: ((tenant: Subscription.TenantId, effect: Effect.Effect<unknown, unknown, unknown>) =>
      Effect.flatten(right.transact(tenant, Effect.exit(effect)))) as typeof right.transact
  })),
  /** A pipeline goes on behind a step that failed, as if it had not. */
  leakyPipeline: replace(UnitOfWork.UnitOfWork, () => ({
    pipeline: ((steps: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
      Effect.forEach(steps, (step) => Effect.ignore(step), {
        discard: true
      })) as UnitOfWork.UnitOfWork["Service"]["pipeline"]
  })),
  /** A pipeline has no order. */
  shuffledPipeline: replace(UnitOfWork.UnitOfWork, (right) => ({
    pipeline: ((steps: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
      right.pipeline(steps.toReversed())) as UnitOfWork.UnitOfWork["Service"]["pipeline"]
  })),
  /** A batch that is refused by more than a fifth stops the run. */
  brakePerBatch: replace(RunRecorder.RunRecorder, (right) => ({
    record: (batch) =>
      batch.counts.quarantined > batch.counts.read / 5
        ? Effect.fail(new StoreError({ reason: "Unavailable", operation: "brake", message: "too many refusals" }))
        : right.record(batch)
  })),
  /** The brake forgets what it counted in the batches before. */
  brakeForgets: lanes((right) => ({
    commit: (options) => right.commit({ ...options, checkpoint: { ...options.checkpoint, brake: Brake.released } })
  }))
} satisfies Record<string, Patch>

const byRevision = (rows: ReadonlyMap<Entry.Entry["externalId"], Entry.Entry>) =>
  new Map([...rows].map(([id, entry]) => [id, { ...entry, token: entry.revision + 1 }]))

const lockLane = (all: Services, subscription: Subscription.Subscription) =>
  Statement.write(Context.get(all, Memory.Store).connection, "Lanes.lock", subscription.tenant, (statement) =>
    Statement.lock(statement, "lanes", State.laneKey(Lane.live(subscription)))
  )
