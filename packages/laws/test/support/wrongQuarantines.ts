/** Wrong quarantines, made by changing that of the memory store. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as Memory from "@tidemark/memory/Memory"
import * as State from "@tidemark/memory/State"
import { apart, type Patch, replace } from "./wrongPatch.ts"

export const wrongQuarantines = {
  /** Refusals are put away in a transaction of their own. */
  refusalsApart: replace(Quarantine.Quarantine, (right, all) => ({
    put: (subscription, refusals) => apart(all, subscription.tenant, right.put(subscription, refusals))
  })),
  /** What is void from the start waits as well. */
  nothingIsVoid: replace(Quarantine.Quarantine, (right) => ({
    put: (subscription, [first, ...rest]) =>
      right.put(subscription, [
        { ...first, isSuperseded: false },
        ...rest.map((one) => ({ ...one, isSuperseded: false }))
      ])
  })),
  /** A list begins again with an entry that was told. */
  listsTwice: replace(Quarantine.Quarantine, (right) => ({
    list: (tenant, options = {}) =>
      right.list(tenant, options.before === undefined ? options : { ...options, before: options.before + 1 })
  })),
  /** A list leaves entries out where pieces meet. */
  listsWithGaps: replace(Quarantine.Quarantine, (right) => ({
    list: (tenant, options = {}) =>
      right.list(tenant, options.before === undefined ? options : { ...options, before: options.before - 1 })
  })),
  /** A list shows the refusals of any tenant. */
  listsAnyTenant: replace(Quarantine.Quarantine, (right, all) => ({
    list: (tenant, options) =>
      Effect.gen(function* () {
        const { tables } = yield* Context.get(all, Memory.Store).state
        const rows = State.scan({ tables, writes: State.noWrites() }, "quarantine").map(([, row]) => row)
        const tenants = new Set([tenant, ...rows.map(({ subscription }) => subscription.tenant)])
        const lists = yield* Effect.forEach(tenants, (one) => right.list(one, options))
        return lists.flat().toSorted((a, b) => b.position - a.position)
      })
  })),
  /** What is closed is not told how. */
  closesAlike: replace(Quarantine.Quarantine, (right) => ({
    close: (subscription, ids) => right.close(subscription, ids, "Superseded")
  })),
  /** What is redriven is closed in a transaction of its own. */
  closesApart: replace(Quarantine.Quarantine, (right, all) => ({
    close: (subscription, ids, status) => apart(all, subscription.tenant, right.close(subscription, ids, status))
  })),
  /** What is redriven stays open. */
  neverCloses: replace(Quarantine.Quarantine, () => ({ close: () => Effect.void })),
  /** A refusal that was met again is another refusal. */
  refusesAnew: replace(Quarantine.Quarantine, (right) => ({
    recur: (subscription, recurrences) =>
      Effect.gen(function* () {
        const kept = yield* right.list(subscription.tenant, { limit: 1_000 })
        for (const { id, rejection, runId } of recurrences) {
          const one = kept.find((each) => each.id === id)
          if (one !== undefined) yield* right.put(subscription, [{ ...one, runId, rejection, isSuperseded: false }])
        }
      })
  })),
  /** A refusal that was met again is as it was. */
  neverRecurs: replace(Quarantine.Quarantine, () => ({ recur: () => Effect.void })),
  /** What is closed is opened by meeting it again. */
  reopens: replace(Quarantine.Quarantine, (right) => ({
    recur: (subscription, [first, ...rest]) =>
      Effect.gen(function* () {
        const before = yield* right.list(subscription.tenant, { isWithClosed: true, limit: 1_000 })
        yield* right.recur(subscription, [first, ...rest])
        const closed = before.filter(({ id, status }) => status !== "Open" && id === first.id)
        const [one] = closed
        if (one === undefined) return
        yield* right.put(subscription, [{ ...one, isSuperseded: false }])
      })
  }))
} satisfies Record<string, Patch>
