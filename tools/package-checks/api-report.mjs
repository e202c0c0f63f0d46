// Reports of the public surface: what people can import, in `<package>/api/*.api.md`. A difference is told; `--update` writes it.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { namedByPeople, ROOT } from './manifests.mjs';

const update = process.argv.includes('--update');
const temporary = mkdtempSync(join(tmpdir(), 'holdfast-api-'));
const outdated = [];
try {
  for (const { folder, manifest } of namedByPeople()) {
    const reports = Object.entries(manifest.exports).map(([entry, target]) =>
      report(folder, manifest, entry, target.types),
    );
    const kept = reports.map((name) => `${name}.api.md`);
    for (const name of readdirSync(join(folder, 'api')))
      if (!kept.includes(name)) rmSync(join(folder, 'api', name));
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
if (outdated.length > 0 && !update) {
  console.error(
    `The public surface has changed:\n${outdated.map((each) => `  ${each}`).join('\n')}\nIf that is meant, run \`npm run api-report\` and look at the difference.`,
  );
  process.exit(1);
}
console.log(outdated.length > 0 ? `written: ${outdated.join(', ')}` : 'the API reports are as the code is');

function report(folder, manifest, entry, types) {
  const name = entry === '.' ? 'index' : entry.slice(2).replaceAll('/', '-');
  mkdirSync(join(folder, 'api'), { recursive: true });
  const config = ExtractorConfig.prepare({
    packageJsonFullPath: join(folder, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: join(folder, types),
      // types of the packages that come along are part of what people see
      bundledPackages: ['@holdfast/*'],
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2024',
            lib: ['es2024', 'dom'],
            module: 'nodenext',
            moduleResolution: 'nodenext',
            strict: true,
            skipLibCheck: true,
            types: ['node'],
          },
          include: [join(folder, types)],
        },
      },
      apiReport: {
        enabled: true,
        reportFolder: join(folder, 'api'),
        reportTempFolder: temporary,
        reportFileName: name,
        // the client's come from the OpenAPI document, and a test of the client's holds them
        includeForgottenExports: manifest.name !== '@holdfast/client',
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: { default: { logLevel: 'none' } },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
  });
  const { apiReportChanged, errorCount } = Extractor.invoke(config, {
    localBuild: update,
    messageCallback(message) {
      message.handled = true;
      if (message.logLevel === 'error') console.error(message.text);
    },
  });
  if (errorCount > 0) throw new Error(`API Extractor cannot read ${types} of ${folder}`);
  if (apiReportChanged) outdated.push(relative(ROOT, join(folder, 'api', `${name}.api.md`)));
  return name;
}
