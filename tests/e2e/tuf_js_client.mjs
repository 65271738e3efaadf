// Verify and download one target with tuf-js: node tuf_js_client.mjs ROOT METADATA_URL TARGETS_URL DIRECTORY TARGET
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Updater } from "tuf-js";

const [root, metadataBaseUrl, targetBaseUrl, directory, target] = process.argv.slice(2);
const metadataDir = join(directory, "metadata");
const targetDir = join(directory, "targets");
mkdirSync(metadataDir, { recursive: true });
mkdirSync(targetDir, { recursive: true });
copyFileSync(root, join(metadataDir, "root.json"));
const updater = new Updater({ metadataDir, targetDir, metadataBaseUrl, targetBaseUrl });
await updater.refresh();
const info = await updater.getTargetInfo(target);
if (info === undefined) {
  throw new Error(`no target ${target}`);
}
console.log(await updater.downloadTarget(info));
