import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

interface MediaType {
  readonly schema?: object;
}

interface Operation {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, MediaType>> }>>;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export interface SeenAnswer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly contentType: string;
  readonly body: unknown;
}

/** Holds answers against the API's own description: each must be documented, and its body must be what the description says. */
export function conformanceTo(document: OpenApi): (answer: SeenAnswer) => string[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'openapi', components: document.components });
  const validators = new Map<string, ValidateFunction>();
  const faultsIn = (schema: object, body: unknown): string[] => {
    const text = JSON.stringify(schema).replaceAll('"#/', '"openapi#/');
    const validate = validators.get(text) ?? ajv.compile(JSON.parse(text));
    validators.set(text, validate);
    return validate(body) ? [] : [ajv.errorsText(validate.errors)];
  };

  return ({ method, path, status, contentType, body }) => {
    const operation = operationFor(document, method, path);
    const isProblem = contentType.startsWith('application/problem+json');
    const faults: string[] = [];
    const type = contentType.split(';', 1)[0] ?? '';
    if (status >= 400 && !path.startsWith('/readyz') && !isProblem) {
      faults.push(`${status} is ${contentType || 'without a type'}, not problem details`);
    }
    if (operation) {
      const documented = operation.responses[String(status)];
      // 405 is what an operation is not: no operation documents it.
      if (!documented && status !== 405) faults.push(`${method} ${path}: ${status} is not documented`);
      if (documented?.content && !(type in documented.content))
        faults.push(`${status} as ${type} is not documented`);
    }
    if (isProblem) faults.push(...faultsIn({ $ref: '#/components/schemas/Problem' }, body));
    const shown = operation?.responses[String(status)]?.content?.['application/json']?.schema;
    if (shown && type === 'application/json') faults.push(...faultsIn(shown, body));
    return faults;
  };
}

function operationFor(document: OpenApi, method: string, path: string): Operation | undefined {
  const bare = path.split('?', 1)[0] ?? '';
  const template = Object.keys(document.paths).find((candidate) =>
    new RegExp(`^${candidate.replace(/\{\w+\}/g, '[^/]+')}$`).test(bare),
  );
  return template === undefined ? undefined : document.paths[template]?.[method.toLowerCase()];
}
