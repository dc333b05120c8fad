# SPDX-License-Identifier: Apache-2.0
# Thin: each target calls something readable. `make help` lists the targets.

PYTHON ?= python3
# Index to take torch from, where a plain download would bring gigabytes of CUDA.
TORCH_INDEX ?=
RATE ?= 4

# Where a ROS 2 installation is sourced, it is used: colcon builds into install/.
ifneq ($(ROS_DISTRO),)
RUN_SETUP  = bash scripts/setup_ros.sh run
TEST_SETUP = bash scripts/setup_ros.sh test
EXEC       = bash scripts/with_ros.sh
else
RUN_SETUP  = $(PYTHON) scripts/bootstrap.py run
TEST_SETUP = $(PYTHON) scripts/bootstrap.py test --torch-index "$(TORCH_INDEX)"
EXEC       = bash scripts/with_venv.sh
endif

.PHONY: help demo test lint setup setup-test faults soak bench bench-simulation demo-recording clean
.PHONY: openvino view torchvision serve sim train tug arm docs docs-figures

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup:  ## install what `make demo` and the live graph need
	@$(RUN_SETUP)

setup-test:  ## install what `make test` and training need, torch included
	@$(TEST_SETUP)

demo: setup  ## set up, replay the shipped recording through ROS 2, write out/demo/report.html
	@$(EXEC) thermal-pose demo --rate $(RATE) --out out/demo
	@echo 'next: . .venv/bin/activate, then thermal-pose --help'

test: setup-test lint  ## set up, check style, types and layers, run every test
	@OMP_NUM_THREADS=1 $(EXEC) python -m pytest -n 3 --dist loadfile --no-loadscope-reorder test

lint: setup-test  ## check style, types and layers
	@$(EXEC) ruff check .
	@$(EXEC) ruff format --check .
	@$(EXEC) mypy thermal_pose scripts/bootstrap.py
	@$(EXEC) lint-imports

faults: setup-test  ## the fault tests at full count -> docs/results/faults.json
	@$(EXEC) thermal-pose faults --out docs/results/faults.json

soak: setup-test  ## one real-time hour at 8 Hz -> docs/results/soak.json
	@$(EXEC) thermal-pose bench --soak-s 3600 --out docs/results/soak.json

bench: setup-test openvino  ## speed, latency, memory -> out/bench.json
	@$(EXEC) python scripts/bench.py --out out/bench.json

bench-simulation: setup-test  ## speed of the simulated clinic -> docs/results/bench-simulation.json
	@$(EXEC) thermal-pose bench-simulation --out docs/results/bench-simulation.json

openvino: setup  ## install the OpenVINO engine
view: setup  ## install the viewer for the browser
torchvision: setup  ## install the paper's detector
openvino view torchvision:
	@$(EXEC) pip install --quiet --disable-pip-version-check -r requirements/$@.txt

serve: setup  ## install the bedside page (part of setup)
sim: setup-test  ## install the simulated clinic (part of setup-test)
train: setup-test  ## install training (part of setup-test)

docs: setup-test  ## build the documentation site -> build/site/index.html
	@NO_MKDOCS_2_WARNING=1 $(EXEC) mkdocs build --quiet
	@echo 'open build/site/index.html; with search: python3 -m http.server -d build/site'

docs-figures: setup-test  ## rewrite tables and pictures of README and docs from docs/results
	@$(EXEC) python scripts/docs/figures.py

arm: setup  ## run the shipped recording in an emulated aarch64 Debian, compare keypoints -> docs/results/arm64.json
	@$(EXEC) python scripts/arm64/emulate.py --out docs/results/arm64.json

clean:  ## remove everything that was built or installed
	rm -rf .venv build install log out

tug: setup-test  ## keypoints of development seeds -> networks of the TUG -> docs/validation.md
	@$(EXEC) thermal-pose evaluate-tug --keypoints build/tug-dev --development --keypoints-only --jobs 2
	@git show d191df1:thermal_pose/assets/tug_segmenter.npz > build/tug-start.npz
	@$(EXEC) thermal-pose train-tug --keypoints build/tug-dev --motions 1500 --start build/tug-start.npz --jobs 2 --out thermal_pose/assets
	@$(EXEC) thermal-pose evaluate-tug --keypoints build/tug-difficult --difficult 4 --jobs 2 --out docs/results/tug_difficult.json --csv docs/results/tug_difficult.csv
	@$(EXEC) thermal-pose evaluate-tug --keypoints build/tug --valid 100 --invalid 14 --jobs 2 --out docs/results/tug_agreement.json --csv docs/results/tug_agreement.csv --plots docs/pictures --page docs/validation.md

demo-recording: setup-test  ## simulate the shipped recording again (seed 9950)
	@$(EXEC) thermal-pose simulate --preset paper --subjects 1 --trials 1 --seed 9950 --no-rgb --out build/demo
	@mkdir -p thermal_pose/assets/demo
	@cp build/demo/paper-9950-000-t00/metadata.yaml build/demo/paper-9950-000-t00/*.mcap thermal_pose/assets/demo/
