// Goal: each wrong design is caught by the law that is against it.
// Guarantees: W01, W02, W04, W05, W07, W09, W12, W63, W71, W73, W74, W77.
import { engineLaws } from "@tidemark/laws/EngineLaws"
import * as Law from "@tidemark/laws/Law"
import * as Poison from "@tidemark/laws/Poison"
import type * as Simulation from "@tidemark/laws/Simulation"
import * as Store from "@tidemark/laws/Store"
import { agreement, portLaws } from "@tidemark/laws/StoreLaws"
import { describe, expect, it } from "vitest"
import { settings } from "./support/settings.ts"
import { setups } from "./support/wrongSetups.ts"
import * as Wrong from "./support/wrongStores.ts"

/** The laws of this id whose claims speak of something. */
const named = (laws: ReadonlyArray<Law.Law>, id: string, about = "") =>
  laws.filter((law) => law.id === id && law.name.includes(about))

/** Tries laws one after another until one is broken. */
const caught = (laws: ReadonlyArray<Law.Law>): Promise<unknown> =>
  laws.reduce<Promise<unknown>>(
    (before, law) =>
      before.then((broken) =>
        broken === undefined
          ? law.check({ ...settings(), runs: Math.max(300, law.runs), isShrinking: false }).then(
              () => undefined,
              (error: unknown) => error
            )
          : broken
      ),
    Promise.resolve(undefined)
  )

const isCaught = (design: string, id: string, laws: ReadonlyArray<Law.Law>, about?: string) =>
  it(`${design} is caught by ${id}`, () =>
    caught(named(laws, id, about)).then((broken) => {
      expect(broken).toBeInstanceOf(Law.Broken)
      expect((broken as Law.Broken).law).toMatch(new RegExp(`^${id} `))
    }))

const overStore = (design: string, id: string, patch: keyof typeof Wrong.stores, about?: string) =>
  isCaught(design, id, engineLaws(Wrong.store(Wrong.stores[patch])), about)

const ofPorts = (design: string, id: string, patch: keyof typeof Wrong.stores, about?: string) =>
  isCaught(design, id, portLaws(Wrong.store(Wrong.stores[patch])), about)

const around = (design: string, id: string, setup: Simulation.Setup) =>
  isCaught(design, id, engineLaws(Store.memory, setup))

describe("a wrong store, under the laws of its ports", () => {
  ofPorts("W12 a commit of any epoch", "L32", "noEpoch")
  ofPorts("W12 a commit of any epoch and number", "L32", "noFence")
  ofPorts("W63 a ledger without compare-and-set", "W63", "noCompareAndSet")
  ofPorts("a ledger without compare-and-set", "L10", "noCompareAndSet")
  ofPorts("local ids that are made again by the next process", "L10", "repeatsLocalIds")
  ofPorts("a ledger that tells the first of its records for ever", "L13", "tellsOnePiece")
  ofPorts("a token that no-op writes leave", "L10", "tokenIsRevision")
  ofPorts("W07 a transaction that sees what was there when it began", "W07", "snapshotOfTransaction")
  ofPorts("W07 a writer that does not wait", "W07", "neverWaits")
  ofPorts("W05 W09 lanes that share a cursor", "L05", "oneLane")
  ofPorts("W73 a claim that always takes over", "W73", "alwaysTakesOver")
  ofPorts("events in a transaction of their own", "L11", "eventsApart")
  ofPorts("refusals in a transaction of their own", "L11", "refusalsApart")
  ofPorts("items in a transaction of their own", "L11", "itemsApart")
  ofPorts("an inner unit of work that takes nothing back", "L11", "noSavepoints")
  ofPorts("a unit of work that keeps halves", "L11", "keepsHalves")
  ofPorts("a pipeline that goes on behind a failure", "L11", "leakyPipeline")
  ofPorts("a pipeline without order", "L11", "shuffledPipeline")
  ofPorts("W71 intents that are not written down", "W71", "forgetsDecisions")
  ofPorts("runs that stay open for ever", "L37", "neverAbandons")
  ofPorts("a claim that looks before a commit is over", "L12", "claimsEarly")
  ofPorts("a record of any connection", "L36", "oneConnection", "a record")
  ofPorts("a write for another tenant", "L36", "anyTenant", "a unit of work")
  ofPorts("a refusal that is void and waits", "L15", "nothingIsVoid")
  ofPorts("a lane that looks free", "L32", "looksFree")
  ofPorts("a lane that hides why it was stopped", "L32", "hidesStop")
  ofPorts("items that are read on behind their observation", "L37", "skipsFindings", "listed")
  ofPorts("runs of any lane", "L37", "listsAnyLane", "listed")
  ofPorts("a list that begins with what was told", "L15", "listsTwice", "listed")
  ofPorts("a list with gaps between its pieces", "L15", "listsWithGaps", "listed")
  ofPorts("a list of any tenant", "L15", "listsAnyTenant", "listed")
  ofPorts("a refusal that is closed for another reason", "L15", "closesAlike", "listed")
  ofPorts("a refusal that forgets that it was tried again", "L15", "neverRecurs", "listed")
  ofPorts("a closed refusal that waits again", "L15", "reopens", "listed")
  ofPorts("an event appended again", "L24", "newEventIds")
})

describe("a wrong store, under the laws of the engine", () => {
  overStore("W12 a commit of any epoch and number", "L32", "noFence")
  overStore("W07 W63 a ledger without compare-and-set", "L49", "noCompareAndSet")
  overStore("a version that is not remembered", "L10", "forgetsVersions")
  overStore("W05 W09 lanes that share a cursor", "L05", "oneLane")
  overStore("W73 a claim that always takes over", "L32", "alwaysTakesOver")
  overStore("a commit that forgets the cursor", "L01", "forgetsCursor")
  overStore("W74 a fence before the writes", "W74", "fenceFirst")
  overStore("W74 a find that locks", "W74", "findLocks")
  overStore("events in a transaction of their own", "L11", "eventsApart")
  overStore("refusals in a transaction of their own", "L11", "refusalsApart")
  overStore("items in a transaction of their own", "L11", "itemsApart")
  overStore("items that are lost", "L37", "losesItems")
  overStore("runs that stay open for ever", "L37", "neverAbandons")
  overStore("W71 an external write decided again after a crash", "L12", "forgetsDecisions", "external")
  overStore("W71 an external write decided again after a crash", "L49", "forgetsDecisions", "external")
  overStore("an inner unit of work that takes nothing back", "L15", "noSavepoints")
  overStore("a unit of work that keeps halves", "L11", "keepsHalves")
  overStore("W77 a brake at a share of one batch", "L16", "brakePerBatch")
  overStore("a brake that forgets", "L16", "brakeForgets")
  overStore("W12 a commit of any epoch and number", "L49", "noFence", "two workers")
  overStore("W77 a brake at a share of one batch", "L14", "brakePerBatch", "reading ahead")
  overStore("a batch that leaves no audit", "L37", "noAudit", "nothing disturbs")
  overStore("events in a transaction of their own", "L11", "eventsApart", "two faults")
  overStore("a redrive that closes nothing", "L15", "neverCloses", "mended")
  overStore("a redrive that tells not how it ended", "L15", "closesAlike", "mended")
  overStore("a refusal closed apart from its record", "L07", "closesApart", "redrive")
  overStore("a refusal that is another one when it is met again", "L15", "refusesAnew", "one attempt more")
  overStore("a refusal that forgets that it was tried again", "L15", "neverRecurs", "one attempt more")
  isCaught("a store that loses items", "L45", [agreement(Wrong.store(Wrong.stores.losesItems), Store.memory)])
  isCaught("a sink that finds records of any tenant", "L36", engineLaws(Wrong.manyTenants))
})

describe("a wrong plan, source or sink, under the laws of the engine", () => {
  around("an unanswered commit taken for a failure", "L12", setups.unknownIsFailure)
  around("an unanswered commit taken for a success", "L12", setups.unknownIsSuccess)
  around("W01 a read after a stamp that is shared", "L03", setups.afterStamp)
  around("W02 the cursor of what was read last", "L02", setups.lastSeen)
  around("W02 the cursor of what was read last", "L07", setups.lastSeen)
  around("W04 a cursor up to the present", "L13", setups.noSettle)
  around("W04 a cursor up to the present", "L02", setups.noSettle)
  around("W05 a source that is read as a whole", "L43", setups.readsAhead)
  around("a column that is lost", "L09", setups.losesColumn)
  around("a column that is lost", "L22", setups.losesColumn)
  around("a refusal that only the last change of a batch meets", "L14", { sink: Poison.refusing("Row") })
})
