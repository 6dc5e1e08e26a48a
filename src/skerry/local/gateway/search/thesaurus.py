"""Words that say the same in the names of tools and in the mouths of people; English.

Each line is a family. A word may be in several. The families are about what software does and has (verbs of
APIs, machines, money, people, messages), not about any one catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping

from skerry.local.words import stem, table

VERBS = """
list show display enumerate browse view see all
get read fetch retrieve describe look lookup inspect show view check tell detail
find search query lookup locate filter discover seek
create make add new insert build generate provision
create set put write store save
create register enroll onboard
create open start launch begin
start launch run begin boot trigger execute invoke resume power
invoke call execute run
stop halt shut shutdown terminate end cancel abort suspend pause kill
cancel abort stop revoke withdraw
delete remove drop destroy erase purge clear wipe discard terminate
delete deregister unregister retire decommission
empty purge clear flush
update change modify edit alter adjust set configure put patch
update upgrade
increase raise enlarge grow extend expand resize modify scale
decrease lower shrink reduce resize scale
replace swap exchange switch
rename name title
move transfer migrate relocate
copy clone duplicate replicate
send publish post deliver notify message
send email mail
subscribe follow watch
unsubscribe unfollow
attach connect associate link join bind mount
detach disconnect disassociate unlink unbind unmount remove
enable activate allow unlock on
disable deactivate block deny lock off freeze
block deny reject forbid refuse
approve accept confirm authorize sign
reject decline deny refuse
grant allow permit authorize give share
revoke withdraw remove deny close
assign give allocate
release return free deallocate
invite add
download export get fetch
upload import put
import ingest load upload
export dump download extract
backup snapshot save
restore recover revert rollback undelete
rollback revert undo restore cancel
validate verify check test
test simulate try evaluate
compare diff difference
count number total
calculate compute estimate
estimate forecast predict projection
detect recognize identify find
analyze analyse examine inspect detect evaluate investigate
monitor watch track observe
convert translate transform
translate language
summarize summary overview aggregate
schedule plan cron recurring
reserve book
cancel unbook
pay charge bill
refund reimburse
order buy purchase
ask converse prompt chat
rotate renew refresh
renew extend
reset restore clear
encrypt cipher
decrypt decipher
deploy ship release install publish
merge combine join
split divide
sort order rank
reboot restart
retry redrive rerun
synthesize speak speech
transcribe transcription
share publish
archive store
assume become switch impersonate
mask redact hide
comment note remark
reply answer respond
close resolve finish complete
reopen open
escalate raise
"""

NOUNS = """
instance server machine vm host computer node
instance virtual-machine
container task pod docker
image picture photo
image ami template
volume disk drive storage ebs
snapshot backup copy
bucket container folder
bucket s3
object file document blob
file document attachment
folder directory path prefix
function lambda serverless
table dynamodb
row item record entry
database db rds sql instance
database schema catalog
cluster kubernetes eks k8s
queue sqs
topic sns channel
topic notification
message notification mail
email mail
email ses
sms text phone
phone telephone call number
call conversation recording
user person member account people employee
user login account
employee staff worker user
customer client account contact
contact person address
group team
role permission
policy permission right access
permission access grant acl
password credential secret
credential key token
key secret
certificate tls ssl acm
domain dns name
dns route53 record zone
record recordset entry
network vpc
network subnet
firewall security-group
firewall waf acl rule
port ingress rule
address ip eip
balancer load-balancer elb elbv2
traffic load
cdn cloudfront distribution
cache redis elasticache memcached
cost spend spending bill expense price money charge usage
bill invoice billing cost
invoice bill
budget limit
payment charge
price cost
limit quota maximum
concurrency parallel simultaneous
alarm alert warning
alert notification warning
metric measurement statistic
log logs cloudwatch
event trail history audit
audit trail cloudtrail history
error failure exception problem issue
issue ticket bug case problem
ticket case issue request
incident outage
comment note
project workspace board
repository repo
branch ref
commit change revision
build compile codebuild
pipeline workflow codepipeline
workflow state-machine execution
workflow automation
job task batch
task todo
stage step
deployment release rollout
stack template cloudformation
drift difference change
configuration settings config setting
parameter setting value
environment env
region location
location place address position
route direction path
map location
document page
page article
text content
language locale
german language
sentiment positive negative opinion mood
picture image photo
face person
voice speech audio
video media
meeting appointment event calendar
calendar schedule
reminder notification
order purchase
product item article
stock inventory
shipment delivery parcel tracking
cart basket
discount coupon
lead prospect
deal opportunity
report summary dashboard
chart graph plot diagram
spreadsheet sheet
vulnerability finding cve weakness
finding result
compliance rule conformance
organization org company
company business firm
account tenant
tag label
version revision
model llm foundation
guardrail safety filter
prompt question
agent assistant bot
bot agent
session conversation
endpoint url address
url link
link url
api endpoint
website site web
website hosting
stream kinesis
crawler crawl
etl transform glue
query sql
size capacity
memory ram
cpu processor
time schedule
night daily cron
encryption kms
public open internet world
private internal
spot spare cheap
cheap saving
recommendation advice suggestion
state status health
health status
healthy health
patch update
holiday vacation leave absence pto
salary payroll wage pay
weather forecast
"""

ACTIONS: Mapping[str, frozenset[str]] = {
    "read": table(
        """list show display enumerate browse view see all get read fetch retrieve describe look lookup
        inspect check tell find search query locate filter discover count compare monitor preview download
        export watch summarize calculate estimate predict forecast detect recognize"""
    ),
    "create": table(
        """create make add new insert build generate provision put write store save register enroll open
        request set allocate buy order copy clone import upload launch define take draw"""
    ),
    "delete": table(
        "delete remove drop destroy erase purge clear wipe discard terminate deregister empty away rid"
    ),
    "update": table(
        """update change modify edit alter adjust set configure put replace rename move increase enlarge
        grow expand resize scale upgrade patch bigger smaller larger extend keep turn switch add limit
        encrypt reset rotate merge tag restore"""
    ),
    "start": table(
        """start launch begin run trigger execute invoke resume open call boot restart reboot retry train
        scan submit queue simulate test deploy crawl ask send"""
    ),
    "stop": table("stop halt shut shutdown terminate end cancel abort suspend pause kill close disable off"),
    "join": table(
        "attach connect associate link join bind mount add assign subscribe put invite enable give"
    ),
    "part": table(
        "detach disconnect disassociate unlink unbind unmount remove unsubscribe release revoke close disable"
    ),
    "allow": table(
        "authorize allow grant permit approve accept enable open unlock give put share add confirm"
    ),
    "deny": table("revoke block deny reject refuse disable close stop forbid decline put"),
    "send": table("send publish notify post deliver share put mail submit write reply"),
    "recover": table("restore recover revert rollback undo bring back"),
}
"""What is done, and the words for it; a word may stand for several."""

SHARE = 0.55
"""What a word counts that is not the one that was said."""
VERB = 0.7
"""What a verb counts beside a noun: catalogues repeat a few verbs, and people use any."""


def _families(lines: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for line in lines.split("\n"):
        family = [[stem(part) for part in word.split("-")] for word in line.split()]
        for word in family:
            if len(word) > 1:
                continue
            others = found.setdefault(word[0], {})
            for other in family:
                for part in other:
                    if other is not word:
                        share = SHARE / len(other)
                        others[part] = max(share, others.get(part, 0.0))
    return found


def _actions() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for action, verbs in ACTIONS.items():
        for verb in verbs:
            found.setdefault(stem(verb), set()).add(action)
    return {verb: frozenset(actions) for verb, actions in found.items()}


_SAME: Mapping[str, Mapping[str, float]] = _families(VERBS + NOUNS)
_ACTIONS: Mapping[str, frozenset[str]] = _actions()
_VERBS = frozenset(_ACTIONS) | {stem(word) for word in VERBS.split()}


def same(word: str) -> Mapping[str, float]:
    """Other stems for a stem, each with what it counts."""
    return _SAME.get(word, {})


def weight(word: str) -> float:
    """What a stem counts in a question."""
    return VERB if word in _VERBS else 1.0


def actions(word: str) -> frozenset[str]:
    """What a stem says is done; nothing for a noun."""
    return _ACTIONS.get(word, frozenset())
