/**
 * The two Python programs that are written into a job: one calls a hook of PEP 517, one gives a source archive fixed times and owners.
 * Who changes them raises the recipe's version: they are part of what builders agree on.
 */

/**
 * `hook.py PLAN`: calls one hook in the current folder. The plan is JSON: backend, path, hook, out, result. What the hook gives is
 * written to the result file.
 */
export const HOOK_SCRIPT = `import importlib, json, os, sys

with open(sys.argv[1], encoding="utf-8") as file:
    plan = json.load(file)
# The folder of this program is none of the project's.
sys.path[:1] = [os.path.abspath(path) for path in plan["path"]]
module, _, attributes = plan["backend"].partition(":")
backend = importlib.import_module(module)
for attribute in filter(None, attributes.split(".")):
    backend = getattr(backend, attribute)
hook = getattr(backend, plan["hook"], None)
if plan["out"] is None:
    value = [] if hook is None else [str(each) for each in hook(None)]
elif hook is None:
    sys.exit("the back end has no " + plan["hook"])
else:
    os.makedirs(plan["out"], exist_ok=True)
    value = str(hook(plan["out"], None))
with open(plan["result"], "w", encoding="utf-8") as file:
    json.dump({"value": value}, file)
`

/**
 * `settle.py ARCHIVE SECONDS`: where a source archive shows when or by whom it was packed, writes it anew: no time later than SECONDS,
 * nobody's files, in the order of their paths. Back ends that take care of that themselves are left as they are.
 */
export const SETTLE_SCRIPT = `import gzip, io, os, sys, tarfile

archive, latest = sys.argv[1], int(sys.argv[2])
with open(archive, "rb") as file:
    packed = file.read()
stamp = int.from_bytes(packed[4:8], "little")
members = []
with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
    for member in tar:
        members.append((member, tar.extractfile(member).read() if member.isreg() else None))
settled = stamp <= latest and all(
    member.mtime <= latest and (member.uid, member.gid) == (0, 0) for member, _ in members
)
if not settled:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, content in sorted(members, key=lambda each: os.fsencode(each[0].name)):
            member.mtime = min(int(member.mtime), latest)
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.pax_headers = {
                key: value for key, value in member.pax_headers.items() if key in ("path", "linkpath")
            }
            tar.addfile(member, None if content is None else io.BytesIO(content))
    with open(archive, "wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=latest) as packer:
            packer.write(raw.getvalue())
`
