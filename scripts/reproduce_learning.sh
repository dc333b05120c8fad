#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything that docs/results and the shipped models come from, as plain commands, in order.
#
#   scripts/reproduce_learning.sh STAGE...     stages: bodies cohort teacher-data stream teacher
#                                              detector loso sweep variants temporal rcnn
#                                              own-latent equal-start rgb-only resnet50
#                                              tables ship pack, or 'all'
#
# Each stage skips what it finds done, so an interrupted run goes on. OUT_DIR, JOBS, DEVICE and
# the *_MIN (wall-clock limits of training, minutes) override the defaults.
#
#   SCALE=full   the whole protocol, with limits for one data-centre GPU
#   SCALE=cpu    both on a few CPU cores, as docs/distillation.md has it: 'all' makes the shipped
#                models; the paper's protocol is
#                'bodies cohort teacher-data teacher loso sweep variants temporal rcnn tables';
#                what a wall-clock limit reaches depends on the machine
#                TEACHER_START=student: its teacher begins with that shipped model;
#                STUDENT_START=student: so do its small students, whose input is then that
#                model's
#   SCALE=smoke  every command on a handful of frames, in minutes
set -euo pipefail

SCALE="${SCALE:-full}"
OUT_DIR="${OUT_DIR:-out/learning}"
RESULTS="${RESULTS:-docs/results}"
JOBS="${JOBS:-$(nproc)}"
PYTHON="${PYTHON:-python3}"
if [ "$SCALE" = cpu ]; then
    DEVICE="${DEVICE:-cpu}" DETECTOR_MIN="${DETECTOR_MIN:-20}" TEACHER_MIN="${TEACHER_MIN:-25}"
    SHIP_MIN="${SHIP_MIN:-58}" NARROW_MIN="${NARROW_MIN:-34}"
    LOSO_MIN="${LOSO_MIN:-45}" SUPERVISED_MIN="${SUPERVISED_MIN:-45}" ROW_MIN="${ROW_MIN:-8}"
    SWEEP_MIN="${SWEEP_MIN:-10}" OMP_NUM_THREADS="${OMP_NUM_THREADS:-$(nproc)}"
fi
DEVICE="${DEVICE:-auto}"
TEACHER_MIN="${TEACHER_MIN:-3}"
DETECTOR_MIN="${DETECTOR_MIN:-1}"
LOSO_MIN="${LOSO_MIN:-3}"
SUPERVISED_MIN="${SUPERVISED_MIN:-2}"
ROW_MIN="${ROW_MIN:-0.7}"
SWEEP_MIN="${SWEEP_MIN:-0.4}" # of each beta
SHIP_MIN="${SHIP_MIN:-5}"
OWN_TEACHER_MIN="${OWN_TEACHER_MIN:-$TEACHER_MIN}"
RGB_MIN="${RGB_MIN:-45}" RGB_EPOCHS="${RGB_EPOCHS:-2}" # first on other people, then each fold
RESNET_MIN="${RESNET_MIN:-100}" RESNET_MORE_MIN="${RESNET_MORE_MIN:-92}" # the same for ResNet-50
PLAIN_TEACHER_MIN="${PLAIN_TEACHER_MIN:-10}" # begins with a shipped student
OWN_EPOCHS="${OWN_EPOCHS:-4}" # of each beta and row: counted, so that a busy machine changes nothing
export THERMAL_POSE_BODIES="${THERMAL_POSE_BODIES:-$OUT_DIR/bodies}"
export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}$PWD" PYTHONUNBUFFERED=1
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-4}"
# Where Debian's libjemalloc2 is installed, tensors keep their memory between steps (see the docs).
JEMALLOC=$(ldconfig -p 2>/dev/null | awk '/libjemalloc\.so/ && !found++ {print $NF}') || JEMALLOC=
if [ "$SCALE" = cpu ] && [ -n "$JEMALLOC" ]; then
    export LD_PRELOAD="$JEMALLOC${LD_PRELOAD:+:$LD_PRELOAD}"
    export MALLOC_CONF="${MALLOC_CONF:-oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1}"
fi

READ_VARIANTS=argmax,quarter,flip READ_FOLDS=all
TRAINED_VARIANTS=radiometric,from_random,plateaus,narrow_decoder,own_head
if [ -e "$OUT_DIR/models/student-lite.pt" ]; then # stage ship
    TRAINED_VARIANTS="from_thermal,$TRAINED_VARIANTS"
fi
TEACHER_BODIES=100 CONFIDENCE_BODIES=40 DETECTOR_BATCH=256
if [ "$SCALE" = smoke ]; then
    SUBJECTS=3 TRIALS=2 EVERY=16 TEACHER_FRAMES=72 TRAIN_FRAMES=72 SIDE_FRAMES=72 HELD_OUT=1
    ROWS="student_mobilenetv3:0+1,supervised_no_transfer:0,teacher_on_thermal:0" SWEEP="0,0.4"
    READ_FOLDS=0,1 TRAINED_VARIANTS=radiometric
    RCNN_FOLDS=0 CONFIG=config/training.yaml COHORT_EVERY=16 TEACHER_KIND=()
    TINY=(--set fit.epochs=1 --set fit.batch=4 --set distill.variants=2
        --set rcnn.backbone=resnet18 --set rcnn.min_size_px=60 --set rcnn.fit.epochs=1
        --set rcnn.fit.batch=4 --set rcnn.fit.lr=0.0001 --set rcnn.fit.cuda_graph=false)
    TINY_TEACHER=(--set teacher.fit.epochs=1 --set teacher.fit.batch=8 --set teacher.depth=1)
    TINY_SHIP=(--set fit.epochs=1 --set fit.batch=8) TINY_MORE=()
    DETECTOR_STEPS=3 OWN_EPOCHS=1 RGB_EPOCHS=1
else
    SUBJECTS=10 TRIALS=5 EVERY=1 TEACHER_FRAMES=16000 TRAIN_FRAMES=60000 SIDE_FRAMES=8000
    HELD_OUT=10
    ROWS="student_mobilenetv3:all:$LOSO_MIN,supervised_no_transfer:all:$SUPERVISED_MIN"
    ROWS="$ROWS,teacher_on_thermal:all,student_resnet50:0+4:$ROW_MIN"
    ROWS="$ROWS,student_vit_b:0:$ROW_MIN,vitpose_b_supervised:0:$ROW_MIN"
    SWEEP="0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1"
    RCNN_FOLDS="0,4" CONFIG=config/training.yaml COHORT_EVERY=1 TEACHER_KIND=()
    TINY=() TINY_TEACHER=() TINY_SHIP=() TINY_MORE=()
    DETECTOR_STEPS=60000
fi
if [ "$SCALE" = cpu ]; then
    TEACHER_FRAMES=12000 TRAIN_FRAMES=30000 SIDE_FRAMES=3000 HELD_OUT=8
    DETECTOR_BATCH=48  # few steps fit: small ones teach more
    # The paper learnt from about 1,600 pictures: every fourth of the cohort's gives the same number.
    CONFIG=config/training-cpu.yaml COHORT_EVERY=4 TEACHER_KIND=(--kind tug)
    ROWS="teacher_on_thermal:all,student_mobilenetv3:all:$LOSO_MIN"
    ROWS="$ROWS,supervised_no_transfer:all:$SUPERVISED_MIN,student_resnet50:0:$ROW_MIN"
    ROWS="$ROWS,student_vit_b:0:$ROW_MIN,vitpose_b_supervised:0:$ROW_MIN"
    SWEEP="0.4,0,0.2,0.7,1" RCNN_FOLDS=0
    TINY_SHIP=(--set fit.batch=32 --set fit.lr=0.002 --set augment.rotate_deg=8)
    TINY_MORE=(--set fit.batch=16 --set fit.lr=0.0014 --set distill.coarse_share=0.75)
fi
STUDENT=()
if [ -n "${STUDENT_START:-}" ]; then
    STUDENT=(--set "distill.start=$STUDENT_START" --set normalization.kind=crop_percentile
        --set normalization.clip_min=-1.0 --set normalization.clip_max=3.0)
fi
tp() { echo "+ thermal-pose $*" >&2; "$PYTHON" -m thermal_pose.cli.main "$@"; }
once() { # once NAME COMMAND...: run unless NAME is done
    local name=$1; shift
    if [ -e "$OUT_DIR/.$name" ]; then echo "= $name is done"; return; fi
    local began=$SECONDS
    "$@"
    touch "$OUT_DIR/.$name"
    echo "= $name took $((SECONDS - began)) s"
}
stream() { # stream NAME SEED FIRST_BODY BODIES FRAMES [--rgb]
    local name=$1 seed=$2 first=$3 bodies=$4 frames=$5; shift 5
    tp simulate-stream --frames "$frames" --seed "$seed" --first-body "$first" \
        --body-count "$bodies" --jobs "$JOBS" --out "$OUT_DIR/$name" "$@"
}
bodies() { # needs the body model; all later stages only read the cache
    tp bake-bodies --body-count 320 --bodies "$THERMAL_POSE_BODIES"
    tp simulate --preset paper --subjects "$SUBJECTS" --trials "$TRIALS" --seed 1 --bake-only
    for preset in clinic stress; do
        tp simulate --preset "$preset" --subjects "$HELD_OUT" --trials 1 --seed 9000 --bake-only
    done
}
held_out() { # held_out PRESET: thermal recordings of evaluation seeds, as a data set
    tp simulate --preset "$1" --subjects "$HELD_OUT" --trials 1 --seed 9000 --no-rgb \
        --jobs "$JOBS" --out "$OUT_DIR/bags-$1"
    tp dataset "$OUT_DIR/bags-$1" --no-rgb --every "$((EVERY * 2))" --jobs "$JOBS" \
        --out "$OUT_DIR/$1"
}
cohort() {
    tp simulate --preset paper --subjects "$SUBJECTS" --trials "$TRIALS" --seed 1 \
        --jobs "$JOBS" --out "$OUT_DIR/bags-paper"
    tp dataset "$OUT_DIR/bags-paper" --every "$COHORT_EVERY" --jobs "$JOBS" \
        --out "$OUT_DIR/paper"
}
loso() { # loso ARGUMENTS...: adds rows to the results
    local detector="$OUT_DIR/detector/detector.json"
    [ -e "$detector" ] || detector=detector # the shipped one, which saw no one of the cohort
    tp loso "$OUT_DIR/paper" --teacher "$OUT_DIR/teacher" --device "$DEVICE" \
        --detector "$detector" --work "$OUT_DIR/loso" --config "$CONFIG" \
        --out "$RESULTS/pose_loso.json" "${TINY[@]}" "${STUDENT[@]}" "$@"
}
# A stage of the latent alone is none at beta 0 and 1, whose ends would differ by more than beta.
AT_ONCE=(--set distill.latent_share=0)
sweep() { # a process each: with jemalloc above, memory of one beta would stay for the next
    local beta
    for beta in ${SWEEP//,/ }; do
        loso "${AT_ONCE[@]}" --sweep "$beta" --folds 0,1 --max-minutes "$SWEEP_MIN" \
            --work "$OUT_DIR/loso-sweep"
    done
}
OWN=("${AT_ONCE[@]}" --set distill.start=student --set "fit.epochs=$OWN_EPOCHS"
    --set normalization.kind=crop_percentile --set normalization.clip_min=-1.0
    --set normalization.clip_max=3.0)
own_latent() { # a teacher whose latent is its own, the sweep of beta, and rows of equal start
    local beta
    once own-teacher tp train-teacher "$OUT_DIR/teacher-data" --start student-lite \
        --max-minutes "$OWN_TEACHER_MIN" --device "$DEVICE" --config "$CONFIG" \
        --set teacher.encoder=mobilenetv3_latent "${TINY_TEACHER[@]}" --out "$OUT_DIR/own-teacher"
    for beta in 0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1; do own_loso --sweep "$beta"; done
    own_loso --rows "student_mobilenetv3,supervised_same_start"
}
own_loso() { # two folds; the row of the student is the sweep's beta 0.4, and costs nothing
    tp loso "$OUT_DIR/paper" --teacher "$OUT_DIR/own-teacher" --device "$DEVICE" \
        --detector detector --work "$OUT_DIR/loso-own" --config "$CONFIG" --folds 0,1 \
        --out "$RESULTS/pose_own_latent.json" "${TINY[@]}" "${OWN[@]}" "$@"
}
equal_start() { # distilled and supervised, from the same start and with equal budgets: two starts
    local start
    once plain-teacher tp train-teacher "$OUT_DIR/teacher-data" --start student \
        --max-minutes "$PLAIN_TEACHER_MIN" --device "$DEVICE" --config "$CONFIG" \
        --set teacher.encoder=mobilenetv3 "${TINY_TEACHER[@]}" --out "$OUT_DIR/plain-teacher"
    for start in student teacher; do
        equal_loso "$start" --sweep 0
        equal_loso "$start" --rows "student_mobilenetv3,supervised_same_start"
    done
}
equal_loso() { # the start is a shipped student, or the encoder and 1x1 of the teacher
    local start=$1; shift
    tp loso "$OUT_DIR/paper" --teacher "$OUT_DIR/plain-teacher" --device "$DEVICE" \
        --detector detector --work "$OUT_DIR/loso-equal-$start" --config "$CONFIG" --folds 0,1 \
        --out "$RESULTS/pose_start_$start.json" "${TINY[@]}" "${OWN[@]}" \
        --set "distill.start=$start" "$@"
}
RGB=(--set normalization.kind=crop_percentile --set normalization.clip_min=-1.0
    --set normalization.clip_max=3.0 --set normalization.most_contrast=1.5
    --set distill.decoder_width=64 --set fit.lr=0.0002 --set "fit.epochs=$RGB_EPOCHS")
rgb_labels() { # any network's keypoints of RGB pictures, moved to where COCO's annotators put them
    local part missing=
    for part in teacher-data paper; do
        [ -e "$OUT_DIR/keypoints-$part.json" ] && continue
        once "pictures-$part" tp adapt "$OUT_DIR/$part" --pictures "$OUT_DIR/pictures-$part"
        missing="$missing keypoints-$part.json"
    done
    if [ -n "$missing" ]; then
        echo "in $OUT_DIR, write$missing: COCO json with the keypoints that a pose network" \
            "finds in the pictures of pictures-*/pictures.json; then start this stage again" >&2
        exit 1
    fi
    once aligned tp align-labels "$OUT_DIR/keypoints-teacher-data.json" \
        --reference "$OUT_DIR/pictures-teacher-data/pictures.json" \
        --also "$OUT_DIR/keypoints-paper.json" --out "$OUT_DIR/aligned"
}
rgb_start() { # rgb_start NETWORK MINUTES FOLDER ARGUMENTS...: on pairs of other people
    local network=$1 minutes=$2 folder=$3; shift 3
    once "$(basename "$folder")-$network" tp loso-start "$OUT_DIR/teacher-data" \
        --network "$network" --labels "$OUT_DIR/aligned/keypoints-teacher-data.json" \
        --max-minutes "$minutes" --device "$DEVICE" --set augment.heavy.share=0 \
        --set distill.decoder_width=64 --set distill.coarse_share=0.7 "${TINY_SHIP[@]}" \
        --out "$folder" "$@"
}
rgb_folds() { # rgb_folds START ROWS: with that start, alone and trained further
    tp loso "$OUT_DIR/paper" --labels "$OUT_DIR/aligned/keypoints-paper.json" --detector detector \
        --device "$DEVICE" --work "$OUT_DIR/loso-rgb" --config "$CONFIG" "${TINY[@]}" \
        --set "distill.start=$1" "${RGB[@]}" --rows "$2" --out "$RESULTS/pose_rgb_only.json"
}
rgb_mobilenetv3() {
    rgb_labels
    rgb_start mobilenetv3 "$RGB_MIN" "$OUT_DIR/start"
    rgb_folds "$OUT_DIR/start/mobilenetv3.pt" start_alone:all,supervised_same_start:all
}
rgb_resnet50() { # a second training goes on from the first one's result, in smaller batches
    rgb_labels
    rgb_start resnet50 "$RESNET_MIN" "$OUT_DIR/start"
    rgb_start resnet50 "$RESNET_MORE_MIN" "$OUT_DIR/start-more" "${TINY_MORE[@]}" \
        --start "$OUT_DIR/start/resnet50.pt"
    rgb_folds "$OUT_DIR/start-more/resnet50.pt" \
        start_alone_resnet50:all,supervised_same_start_resnet50:0
}
variants() { # variants WORK ARGUMENTS...: changes to the method, against the networks in WORK
    local work=$1; shift
    tp loso-variants "$OUT_DIR/paper" --teacher "$OUT_DIR/teacher" --device "$DEVICE" \
        --work "$work" --config "$CONFIG" --thermal "$OUT_DIR/models/student-lite.pt" \
        --out "$RESULTS/pose_beyond.json" "${TINY[@]}" "${STUDENT[@]}" "$@"
}
temporal() { # earlier frames need the cohort at the camera's rate; with the same number of pictures
    local stride="$((COHORT_EVERY / EVERY))" folds=0,1,9 # the tenth is most often mirrored
    [ "$SCALE" = smoke ] && folds=0,1
    local -x LD_PRELOAD= # kept memory would add up to more than 24 GB here
    local common=("$OUT_DIR/paper-all" --teacher "$OUT_DIR/teacher" --device "$DEVICE"
        --detector detector --work "$OUT_DIR/loso-all" --config "$CONFIG" "${TINY[@]}"
        --set "train_stride=$stride" --set distill.variants=2 --folds "$folds")
    tp dataset "$OUT_DIR/bags-paper" --every "$EVERY" --jobs "$JOBS" --out "$OUT_DIR/paper-all"
    tp loso "${common[@]}" --rows "student_mobilenetv3::$SWEEP_MIN" \
        --out "$OUT_DIR/loso-all/baseline.json"
    tp loso-variants "${common[@]}" --variants previous_frame,three_frames \
        --max-minutes "$SWEEP_MIN" --out "$RESULTS/pose_temporal.json"
}
detector() {
    tp train-detector --train "$OUT_DIR/train" --validation "$OUT_DIR/calibration" \
        --max-minutes "$DETECTOR_MIN" --max-steps "$DETECTOR_STEPS" --device "$DEVICE" \
        --batch "$DETECTOR_BATCH" --out "$OUT_DIR/detector"
}
teacher() {
    local start=()
    [ -n "${TEACHER_START:-}" ] && start=(--start "$TEACHER_START")
    tp train-teacher "$OUT_DIR/teacher-data" --max-minutes "$TEACHER_MIN" --device "$DEVICE" \
        --config "$CONFIG" --out "$OUT_DIR/teacher" "${TINY_TEACHER[@]}" "${start[@]}"
}
train() { # train NAMES DATA MINUTES ARGUMENTS...
    local names=$1 data=$2 minutes=$3; shift 3
    tp train --names "$names" --train "$OUT_DIR/$data" --confidence "$OUT_DIR/confidence" \
        --calibration-data "$OUT_DIR/calibration" --evaluation "clinic=$OUT_DIR/clinic" \
        --evaluation "stress=$OUT_DIR/stress" --max-minutes "$minutes" --device "$DEVICE" \
        --detector "$OUT_DIR/detector/detector.json" --config config/training-shipped.yaml \
        --out "$OUT_DIR/models" "$@"
}
ship() {
    if [ "$SCALE" != cpu ]; then
        train student,student-lite train "$SHIP_MIN" "${TINY_SHIP[@]}"
        return
    fi
    # A wide decoder is sixteen times the narrow one's arithmetic: train that, then widen it.
    once student-narrow train student-narrow train "$NARROW_MIN" "${TINY_SHIP[@]}"
    once student tp distil-thermal --only-widen --teacher "$OUT_DIR/models/student-narrow.pt" \
        --train "$OUT_DIR/train" --confidence "$OUT_DIR/confidence" \
        --calibration-data "$OUT_DIR/calibration" --evaluation "clinic=$OUT_DIR/clinic" \
        --evaluation "stress=$OUT_DIR/stress" --device "$DEVICE" --out "$OUT_DIR/models"
    once student-lite train student-lite train "$SHIP_MIN" "${TINY_SHIP[@]}" \
        --start "$OUT_DIR/models/student-narrow.json"
}

run_stage() {
    case "$1" in
    bodies) once bodies bodies ;;
    cohort) once cohort cohort ;;
    teacher-data)
        once teacher-data stream teacher-data 500 220 "$TEACHER_BODIES" "$TEACHER_FRAMES" --rgb \
            "${TEACHER_KIND[@]}" ;;
    stream)
        once calibration stream calibration 5000 190 30 "$SIDE_FRAMES"
        once train stream train 0 0 150 "$TRAIN_FRAMES"
        once confidence stream confidence 300 150 "$CONFIDENCE_BODIES" "$SIDE_FRAMES"
        once clinic held_out clinic
        once stress held_out stress ;;
    teacher) once teacher teacher ;;
    teacher+stream) # the stream is made on the CPUs while the teacher trains on the GPU
        "$0" stream > "$OUT_DIR/stream.log" 2>&1 &
        local background=$!
        run_stage teacher
        wait "$background"
        grep "^=" "$OUT_DIR/stream.log" ;;
    detector) once detector detector ;;
    loso) once loso loso --rows "$ROWS" ;;
    sweep) # in a folder of its own: all betas get the same time
        once sweep sweep ;;
    variants) # need checkpoints; the trained ones are compared with the sweep's configured beta
        once read-variants variants "$OUT_DIR/loso" --variants "$READ_VARIANTS" --folds "$READ_FOLDS"
        once trained-variants variants "$OUT_DIR/loso-sweep" "${AT_ONCE[@]}" --folds 0,1 \
            --variants "$TRAINED_VARIANTS" --max-minutes "$SWEEP_MIN" ;;
    temporal) once temporal temporal ;;
    rcnn) # needs the extra torchvision
        once keypoint-rcnn loso --rows keypoint_rcnn --folds "$RCNN_FOLDS" --max-minutes "$ROW_MIN"
        once fold-detectors tp loso-detectors "$OUT_DIR/paper" --folds "$RCNN_FOLDS" \
            --max-minutes "$ROW_MIN" --max-steps "$DETECTOR_STEPS" --device "$DEVICE" \
            --out "$OUT_DIR/fold-detectors" ;;
    own-latent) once own-latent own_latent ;;
    equal-start) once equal-start equal_start ;;
    rgb-only) once rgb-only rgb_mobilenetv3 ;;
    resnet50) once resnet50 rgb_resnet50 ;;
    tables)
        beyond=() swept=()
        [ -e "$RESULTS/pose_own_latent.json" ] && swept=(--sweep "$RESULTS/pose_own_latent.json")
        [ -e "$RESULTS/pose_beyond.json" ] && beyond=(--beyond "$RESULTS/pose_beyond.json")
        tp loso-tables "$RESULTS/pose_loso.json" --out "$RESULTS" "${beyond[@]}" "${swept[@]}" \
            --predictions "$OUT_DIR/loso/student_mobilenetv3.npz" ;;
    ship) once ship ship ;;
    pack)
        tar -czf "$OUT_DIR/results.tgz" "$RESULTS" "$OUT_DIR"/detector/detector.* \
            "$OUT_DIR"/teacher/teacher.json $(ls "$OUT_DIR"/loso/*.npz 2>/dev/null || true)
        (cd "$OUT_DIR/models" && tar -czf ../models.tgz ./*.onnx ./*.json)
        ls -la "$OUT_DIR"/*.tgz ;;
    *) echo "unknown stage '$1'" >&2; exit 2 ;;
    esac
}

mkdir -p "$OUT_DIR"
STAGES=("$@")
if [ "${STAGES[*]}" = all ]; then
    STAGES=(bodies cohort teacher-data stream teacher detector ship loso sweep variants tables pack)
    [ "$SCALE" = cpu ] && STAGES=(bodies teacher-data stream teacher detector ship pack)
fi
for stage in "${STAGES[@]}"; do run_stage "$stage"; done
