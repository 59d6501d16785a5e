/**
 * One namespace per module, floor by floor.
 *
 * @since 0.1.0
 */

// model
export * as Calendar from "./model/Calendar.ts"
export * as Catalogue from "./model/Catalogue.ts"
export * as CursorRule from "./model/CursorRule.ts"
export * as Decimal from "./model/Decimal.ts"
export * as Detection from "./model/Detection.ts"
export * as Entry from "./model/Entry.ts"
export * as Event from "./model/Event.ts"
export * as FieldPatch from "./model/FieldPatch.ts"
export * as Filter from "./model/Filter.ts"
export * as Fingerprint from "./model/Fingerprint.ts"
export * as Lane from "./model/Lane.ts"
export * as Name from "./model/Name.ts"
export * as Observation from "./model/Observation.ts"
export * as Outcome from "./model/Outcome.ts"
export * as Page from "./model/Page.ts"
export * as Problem from "./model/Problem.ts"
export * as Row from "./model/Row.ts"
export * as Run from "./model/Run.ts"
export * as Subscription from "./model/Subscription.ts"
export * as Version from "./model/Version.ts"
export * as Write from "./model/Write.ts"

// rules
export * as Brake from "./rules/Brake.ts"
export * as Conformance from "./rules/Conformance.ts"
export * as Detecting from "./rules/Detecting.ts"
export * as FieldDiffer from "./rules/FieldDiffer.ts"
export * as Frontier from "./rules/Frontier.ts"
export * as Gate from "./rules/Gate.ts"
export * as Matching from "./rules/Matching.ts"
export * as Plan from "./rules/Plan.ts"
export * as Pushdown from "./rules/Pushdown.ts"
export * as Refusal from "./rules/Refusal.ts"
export * as Transforming from "./rules/Transforming.ts"
export * as Windowing from "./rules/Windowing.ts"

// ports
export * as ChangeSink from "./ports/ChangeSink.ts"
export * as ChangeSource from "./ports/ChangeSource.ts"
export * as Consumers from "./ports/Consumers.ts"
export * as Counters from "./ports/Counters.ts"
export * as DeadLetters from "./ports/DeadLetters.ts"
export * as Deliveries from "./ports/Deliveries.ts"
export * as Inbox from "./ports/Inbox.ts"
export * as Intents from "./ports/Intents.ts"
export * as Lanes from "./ports/Lanes.ts"
export * as Ledger from "./ports/Ledger.ts"
export * as Listing from "./ports/Listing.ts"
export * as Outbox from "./ports/Outbox.ts"
export * as Pagination from "./ports/Pagination.ts"
export * as Quarantine from "./ports/Quarantine.ts"
export * as RunRecorder from "./ports/RunRecorder.ts"
export * as StoreError from "./ports/StoreError.ts"
export * as UnitOfWork from "./ports/UnitOfWork.ts"
export * as Wake from "./ports/Wake.ts"

// engine
export * as Redrive from "./engine/Redrive.ts"
export * as Sync from "./engine/Sync.ts"
