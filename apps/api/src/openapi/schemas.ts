import type { FlowContract } from '@holdfast/engine';
import { RunJson, RunListJson } from '@holdfast/run-view';
import { z } from 'zod';
import { PROBLEMS } from '../problems.ts';
import { AuditListJson } from '../routes/audit.ts';
import {
  BulkCancelBody,
  BulkCancelJson,
  BulkRedriveBody,
  BulkRedriveJson,
  BulkRerunBody,
  BulkRerunJson,
} from '../routes/bulk.ts';
import { BulkSubmitBody, BulkSubmitJson } from '../routes/bulk-submit.ts';
import { CallbackBody, CallbackJson } from '../routes/callbacks.ts';
import { AttemptListJson, PayloadsJson } from '../routes/evidence.ts';
import { FlowJson, FlowListJson } from '../routes/flows.ts';
import { CreatedKeyJson, KeyJson, KeyListJson, NewKeyBody } from '../routes/keys.ts';
import { RerunBody, ResolveBody, SignalBody } from '../routes/operate.ts';
import { ProviderListJson } from '../routes/providers.ts';
import { NewScheduleBody, ScheduleChangeBody, ScheduleJson, ScheduleListJson } from '../routes/schedules.ts';
import { StateBody, StateJson, StateListJson } from '../routes/state.ts';
import { DeliveryListJson, ReplayBody, ReplayJson, TestJson } from '../routes/webhook-deliveries.ts';
import {
  ChangeEndpointBody,
  CreatedEndpointJson,
  EndpointListJson,
  NewEndpointBody,
  RotateSecretBody,
  SecretJson,
  WebhookEndpointJson,
} from '../routes/webhook-endpoints.ts';
import { WebhookEventListJson } from '../routes/webhooks.ts';

const ProblemJson = z.strictObject({
  type: z.string().meta({ format: 'uri-reference', description: 'Where the code is explained.' }),
  title: z.string(),
  status: z.int(),
  detail: z.string().meta({ description: 'What happened this time, for people.' }),
  instance: z.string().meta({
    format: 'uri',
    description: 'Names this occurrence. The log has its last part as `reqId`.',
  }),
  code: z.enum(Object.keys(PROBLEMS)).meta({ description: 'Stable; what to match on.' }),
  errors: z
    .array(z.strictObject({ path: z.string(), message: z.string() }))
    .optional()
    .meta({
      description:
        'With validation_failed and query_invalid: each fault and where it is; an empty path is the whole input.',
    }),
  runId: z
    .string()
    .optional()
    .meta({ description: 'With idempotency_key_reused: the run that has the key.' }),
  refundableAmount: z
    .int()
    .optional()
    .meta({ description: 'With refund_exceeds_payment: what is left of the payment, in minor units.' }),
});

/** The schemas under `#/components/schemas`; each flow's input is there as `<Flow>Input`. */
export function componentSchemas(flows: readonly FlowContract[]): Record<string, object> {
  return {
    Run: jsonSchema(RunJson, 'output'),
    RunList: jsonSchema(RunListJson, 'output'),
    Problem: jsonSchema(ProblemJson, 'output'),
    BulkRedrive: jsonSchema(BulkRedriveBody, 'input'),
    BulkRedriveResult: jsonSchema(BulkRedriveJson, 'output'),
    BulkCancel: jsonSchema(BulkCancelBody, 'input'),
    BulkCancelResult: jsonSchema(BulkCancelJson, 'output'),
    BulkRerun: jsonSchema(BulkRerunBody, 'input'),
    BulkRerunResult: jsonSchema(BulkRerunJson, 'output'),
    AttemptList: jsonSchema(AttemptListJson, 'output'),
    Payloads: jsonSchema(PayloadsJson, 'output'),
    BulkSubmit: jsonSchema(BulkSubmitBody, 'input'),
    BulkSubmitResult: jsonSchema(BulkSubmitJson, 'output'),
    Flow: jsonSchema(FlowJson, 'output'),
    FlowList: jsonSchema(FlowListJson, 'output'),
    Rerun: jsonSchema(RerunBody, 'input'),
    Signal: jsonSchema(SignalBody, 'input'),
    Resolution: jsonSchema(ResolveBody, 'input'),
    NewKey: jsonSchema(NewKeyBody, 'input'),
    Key: jsonSchema(KeyJson, 'output'),
    CreatedKey: jsonSchema(CreatedKeyJson, 'output'),
    KeyList: jsonSchema(KeyListJson, 'output'),
    AuditList: jsonSchema(AuditListJson, 'output'),
    WebhookEventList: jsonSchema(WebhookEventListJson, 'output'),
    NewWebhookEndpoint: jsonSchema(NewEndpointBody, 'input'),
    ChangeWebhookEndpoint: jsonSchema(ChangeEndpointBody, 'input'),
    RotateWebhookSecret: jsonSchema(RotateSecretBody, 'input'),
    WebhookEndpoint: jsonSchema(WebhookEndpointJson, 'output'),
    CreatedWebhookEndpoint: jsonSchema(CreatedEndpointJson, 'output'),
    WebhookSecret: jsonSchema(SecretJson, 'output'),
    WebhookEndpointList: jsonSchema(EndpointListJson, 'output'),
    WebhookDeliveryList: jsonSchema(DeliveryListJson, 'output'),
    WebhookDeliveryAccepted: jsonSchema(TestJson, 'output'),
    ReplayWebhooks: jsonSchema(ReplayBody, 'input'),
    ReplayedWebhooks: jsonSchema(ReplayJson, 'output'),
    CallbackOutcome: jsonSchema(CallbackBody, 'input'),
    Callback: jsonSchema(CallbackJson, 'output'),
    NewSchedule: jsonSchema(NewScheduleBody, 'input'),
    ScheduleChange: jsonSchema(ScheduleChangeBody, 'input'),
    Schedule: jsonSchema(ScheduleJson, 'output'),
    ScheduleList: jsonSchema(ScheduleListJson, 'output'),
    NewState: jsonSchema(StateBody, 'input'),
    State: jsonSchema(StateJson, 'output'),
    StateList: jsonSchema(StateListJson, 'output'),
    ProviderList: jsonSchema(ProviderListJson, 'output'),
    ...Object.fromEntries(flows.map((flow) => [inputSchemaName(flow), jsonSchema(flow.input, 'input')])),
  };
}

/** `order` → `OrderInput`. */
export function inputSchemaName(flow: Pick<FlowContract, 'name'>): string {
  const words = flow.name.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${words.join('')}Input`;
}

export function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io });
  return rest;
}
