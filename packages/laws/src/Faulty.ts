/**
 * Ports, sources and sinks that come to a point before each call, and behave at it
 * as a real one would: whatever store is behind them.
 *
 * | point                                          | where                                             |
 * | ---------------------------------------------- | ------------------------------------------------- |
 * | `"Ledger.advance"`, `"Sink.write"`, ...        | before the call                                   |
 * | `"Lanes.claim:after"`, `"Sink.write:after"`, ... | it took effect, and the caller does not know yet |
 * | `"UnitOfWork.begin"`, `"UnitOfWork.savepoint"` | before the bracket                                |
 * | `"UnitOfWork.commit:before"`                   | the last thing inside: what fails is taken back   |
 * | `"UnitOfWork.commit:after"`                    | committed, and the caller does not know yet       |
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Intents from "@tidemark/core/ports/Intents"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import type * as Fault from "./Fault.ts"

// -----------------------------------------------------------------------------
// ports
// -----------------------------------------------------------------------------

/** All ports of a store, with points. @category constructors @since 0.1.0 */
export const ports = (inner: Context.Context<Sync.Ports>, points: Fault.Points): Context.Context<Sync.Ports> => {
  const before = statement(points)
  const around = alone(points)
  const lanes = Context.get(inner, Lanes.Lanes)
  const ledger = Context.get(inner, Ledger.Ledger)
  const recorder = Context.get(inner, RunRecorder.RunRecorder)
  const quarantine = Context.get(inner, Quarantine.Quarantine)
  const outbox = Context.get(inner, Outbox.Outbox)
  const intents = Context.get(inner, Intents.Intents)
  return Context.make(UnitOfWork.UnitOfWork, unitOfWork(Context.get(inner, UnitOfWork.UnitOfWork), points)).pipe(
    Context.add(Lanes.Lanes, {
      claim: (options) => around("Lanes.claim", lanes.claim(options)),
      renew: (claim, lease) => around("Lanes.renew", lanes.renew(claim, lease)),
      commit: (options) => before("Lanes.commit", lanes.commit(options)),
      release: (claim, stopped) => around("Lanes.release", lanes.release(claim, stopped)),
      peek: (lane) => before("Lanes.peek", lanes.peek(lane))
    }),
    Context.add(Ledger.Ledger, {
      find: (subscription, ids) => before("Ledger.find", ledger.find(subscription, ids)),
      unreadSince: (subscription, options) => before("Ledger.unreadSince", ledger.unreadSince(subscription, options)),
      localIds: (count) => before("Ledger.localIds", ledger.localIds(count)),
      advance: (subscription, advances) => before("Ledger.advance", ledger.advance(subscription, advances))
    }),
    Context.add(RunRecorder.RunRecorder, {
      open: (options) => around("RunRecorder.open", recorder.open(options)),
      record: (batch) => before("RunRecorder.record", recorder.record(batch)),
      close: (options) => around("RunRecorder.close", recorder.close(options)),
      list: (tenant, options) => before("RunRecorder.list", recorder.list(tenant, options)),
      items: (tenant, runId, options) => before("RunRecorder.items", recorder.items(tenant, runId, options))
    }),
    Context.add(Quarantine.Quarantine, {
      find: (subscription, ids) => before("Quarantine.find", quarantine.find(subscription, ids)),
      list: (tenant, options) => before("Quarantine.list", quarantine.list(tenant, options)),
      put: (subscription, refusals) => before("Quarantine.put", quarantine.put(subscription, refusals)),
      recur: (subscription, all) => before("Quarantine.recur", quarantine.recur(subscription, all)),
      close: (subscription, ids, status) => before("Quarantine.close", quarantine.close(subscription, ids, status))
    }),
    Context.add(Outbox.Outbox, {
      append: (tenant, events) => before("Outbox.append", outbox.append(tenant, events))
    }),
    Context.add(Intents.Intents, {
      find: (subscription, ids) => before("Intents.find", intents.find(subscription, ids)),
      list: (lane, limit) => before("Intents.list", intents.list(lane, limit)),
      open: (lane, opened) => before("Intents.open", intents.open(lane, opened)),
      settle: (lane, ids) => before("Intents.settle", intents.settle(lane, ids))
    })
  )
}

// -----------------------------------------------------------------------------
// source and sink
// -----------------------------------------------------------------------------

/** A source with a point before each page and each read by id. @category constructors @since 0.1.0 */
export const source = <A, C, R>(
  inner: ChangeSource.ChangeSource<A, C, R>,
  points: Fault.Points
): ChangeSource.ChangeSource<A, C, R> => {
  const reach = (point: string) =>
    Effect.mapError(
      points.reach(point),
      ({ point }) =>
        new ChangeSource.SourceError({ reason: "Unavailable", source: inner.label, message: `a fault at ${point}` })
    )
  return inner.fetch === undefined
    ? { ...inner, read: (options) => Stream.tap(inner.read(options), () => reach("Source.page")) }
    : {
        ...inner,
        read: (options) => Stream.tap(inner.read(options), () => reach("Source.page")),
        fetch: (ids) => Effect.andThen(reach("Source.fetch"), inner.fetch(ids))
      }
}

/**
 * A sink with points before `find` and around `write`. A point after the write of a
 * transactional sink is inside its transaction.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sink = <A, S extends ChangeSink.ChangeSink<A>>(inner: S, points: Fault.Points): S => {
  const reach = (point: string) =>
    Effect.mapError(
      points.reach(point),
      ({ kind, point }) =>
        new ChangeSink.SinkError({
          reason: kind === "Conflict" ? "Conflict" : "Unavailable",
          sink: inner.label,
          message: `a fault at ${point}`
        })
    )
  const find: typeof inner.find = (subscription, ids) =>
    Effect.andThen(reach("Sink.find"), inner.find(subscription, ids))
  return inner._tag === "Transactional"
    ? {
        ...inner,
        find,
        write: (...args: Parameters<typeof inner.write>) =>
          Effect.andThen(reach("Sink.write"), inner.write(...args)).pipe(Effect.tap(() => reach("Sink.write:after")))
      }
    : {
        ...inner,
        find,
        write: (...args: Parameters<typeof inner.write>) =>
          Effect.andThen(reach("Sink.write"), inner.write(...args)).pipe(Effect.tap(() => reach("Sink.write:after")))
      }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const toStoreError = ({ kind, point }: Fault.Injected): StoreError =>
  new StoreError({
    reason: kind === "Conflict" ? "Conflict" : "Unavailable",
    operation: point,
    message: `a fault at ${point}`
  })

const statement =
  (points: Fault.Points) =>
  <A, E, R>(point: string, call: Effect.Effect<A, E, R>): Effect.Effect<A, E | StoreError, R> =>
    Effect.andThen(Effect.mapError(points.reach(point), toStoreError), call)

/** A call that is a transaction of its own; after it a conflict is no longer possible. */
const alone =
  (points: Fault.Points) =>
  <A, E, R>(point: string, call: Effect.Effect<A, E, R>): Effect.Effect<A, E | StoreError, R> =>
    statement(points)(point, call).pipe(
      Effect.tap(() =>
        Effect.mapError(points.reach(`${point}:after`), (error) =>
          toStoreError({ ...error, kind: "Unavailable" } as Fault.Injected)
        )
      )
    )

const unitOfWork = (
  inner: UnitOfWork.UnitOfWork["Service"],
  points: Fault.Points
): UnitOfWork.UnitOfWork["Service"] => {
  const reach = (point: string, reasonOf: (kind: Fault.Injected["kind"]) => UnitOfWork.TransactionError["reason"]) =>
    Effect.mapError(
      points.reach(point),
      (cause) => new UnitOfWork.TransactionError({ reason: reasonOf(cause.kind), cause })
    )
  const unavailable = (kind: Fault.Injected["kind"]) => (kind === "Conflict" ? "Conflict" : "Unavailable")
  return {
    ...inner,
    transact: (tenant, effect) =>
      Effect.gen(function* () {
        const outer = yield* Effect.serviceOption(UnitOfWork.Transaction)
        if (Option.isSome(outer) && outer.value.isOpen) {
          yield* reach("UnitOfWork.savepoint", unavailable)
          return yield* inner.transact(tenant, effect)
        }
        yield* reach("UnitOfWork.begin", unavailable)
        const body = Effect.tap(effect, () => reach("UnitOfWork.commit:before", (kind) => kind))
        const answer = yield* inner.transact(tenant, body)
        yield* reach("UnitOfWork.commit:after", () => "Unknown")
        return answer
      })
  }
}
